"""Machines that are made up: what each does at a moment, and how a host of an agent is told of."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from msgspec import structs

from vain import clock
from vain.bands import Floats
from vain.hosts import Host, figures
from vain.samples import (
    Cpu,
    Disk,
    DiskIo,
    Memory,
    Network,
    NetworkInterface,
    Own,
    Pressure,
    Sample,
)

GIB = 2**30


def sample(t: float, cores: int = 4, host: str = "kestrel", disks: tuple[str, ...] = ("/",)) -> Sample:
    """What a machine with some rhythm shows at Unix second ``t``."""
    each = [50 + 45 * math.sin(t / (7 + core) + core) for core in range(cores)]
    cpu, used = sum(each) / cores, int((5 + math.sin(t / 40)) * GIB)
    fill = [41.0 + 53 * (index > 0) for index in range(len(disks))]
    return Sample(
        cpu_usage=cpu,
        memory_usage=used / GIB / 16 * 100,
        disk_usage=max(fill, default=None),
        uptime=356_000 + t % 10_000,
        timestamp=clock.utc(t),
        host=host,
        period_seconds=1.0,
        cpu=Cpu(
            percent=cpu,
            user_percent=cpu * 0.7,
            system_percent=cpu * 0.25,
            iowait_percent=cpu * 0.05,
            core_percent=list(each),
            cores_logical=cores,
            load_1m=cores * cpu / 100,
            load_5m=1.1,
            load_15m=0.9,
        ),
        memory=Memory(16 * GIB, 16 * GIB - used, used, used / GIB / 16 * 100, 4 * GIB, GIB // 3, 8.3),
        disks=[
            Disk(
                mount,
                f"/dev/vd{index}",
                "ext4",
                100 * GIB,
                int(fill[index] * GIB),
                int((100 - fill[index]) * GIB),
                fill[index],
            )
            for index, mount in enumerate(disks)
        ],
        disk_io=DiskIo(abs(3e6 * math.sin(t / 9)), abs(9e6 * math.cos(t / 13)) ** 0.95, 12, 80),
        network=Network(
            4e5 * (1.1 + math.sin(t / 5)), 9e4 * (1.1 + math.cos(t / 11)), 0, [NetworkInterface("eth0", 4e5, 9e4)]
        ),
        pressure=Pressure(3.2, 0.0, 0.0, 1.1, 0.4),
        own=Own(1.4, 92 * 2**20, 7, 0.004),
    )


def agent(name: str, t: float, silent: bool = False, **fields: Any) -> Host:
    """What is known of a host at Unix second ``t``, by a phase that its name gives."""
    at = t + sum(map(ord, name)) % 97
    known: dict[str, Any] = {
        "version": "0.1.0",
        "period_seconds": 1.0,
        "clock_skew_seconds": 0.004,
        "samples_waiting": 0,
        "now": None if silent else structs.replace(figures(sample(at, 4, name)), gpu_usage=50 + 49 * math.sin(at / 31)),
        "last_seen_at": clock.utc(t - 200 if silent else t),
    }
    return Host(name, "agent", silent, **{**known, **fields})


def fleet_row(t: Floats, place: int) -> Floats:
    """A metric of the host at ``place`` over time; the one before the last was away for a while."""
    row = 50 + 40 * np.sin(t / (900 + 37 * (place % 11)) + place) * (1 - place % 5 / 6)
    return np.where((np.arange(len(t)) < len(t) // 3) & (place % 7 == 3), np.nan, row)
