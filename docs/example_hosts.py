"""The machines in the picture of many hosts: a small cluster that reports an hour, and goes on while it is seen."""

from __future__ import annotations

import json
import math
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

from vain.clock import utc
from vain.codec import encode
from vain.samples import Cpu, Disk, Memory, Network, Sample

NAMES = [*(f"gpu-{n:02}" for n in range(1, 13)), *(f"cpu-{n:02}" for n in range(1, 13)), "login-1", "nas-1"]
SILENT, SILENT_SECONDS = "cpu-07", 900
"""This one says nothing for so long."""
PERIOD_SECONDS, PAST_SECONDS = 10, 3_600
MOST_AT_ONCE = 200
CORES, GIBIBYTE = 64, 1 << 30


class Machine:
    """One of them: trains in bursts, computes evenly, or hardly does anything."""

    def __init__(self, name: str, address: str) -> None:
        self.name, self._random = name, random.Random(name)
        parts = urlsplit(address)
        self._connection = HTTPConnection(parts.hostname or "127.0.0.1", parts.port)
        self._id = f"{NAMES.index(name) + 1:032x}"
        self._session: str | None = None
        self._newest = 0
        kind = name.partition("-")[0]
        self._level = {"gpu": 62.0, "cpu": 38.0, "login": 9.0, "nas": 14.0}[kind] * self._random.uniform(0.5, 1.4)
        self._rhythm = self._random.uniform(500, 1_700)
        self._fill = self._random.uniform(25, 91)

    def report(self, times: list[float]) -> None:
        """What it saw at these times."""
        for first in range(0, len(times), MOST_AT_ONCE):
            samples = [{"sample": self._sample(t)} for t in times[first : first + MOST_AT_ONCE]]
            if self._session is None:
                self._session = self._post([])["session"]
            self._post(samples)
            self._newest += len(samples)

    def _post(self, samples: list[dict[str, Sample]]) -> Any:
        body = {
            "agent": self._id, "version": "0.1.0", "period_seconds": PERIOD_SECONDS, "sent_at": time.time(),
            "session": self._session, "first": self._newest + 1, "samples": samples, "round_trip_seconds": 0.002,
        }  # fmt: skip
        headers = {"Content-Type": "application/json"}
        self._connection.request("POST", f"/hosts/{self.name}/samples", encode(body), headers)
        return json.loads(self._connection.getresponse().read())

    def _sample(self, t: float) -> Sample:
        wave = math.sin(2 * math.pi * t / self._rhythm)
        works = wave > -0.3 or not self.name.startswith("gpu")
        busy = self._level * (1 + 0.25 * wave) if works else 4.0
        cpu = round(min(99.5, max(0.4, busy + self._random.gauss(0, 2.5))), 1)
        memory = round(min(96.0, 18 + 0.55 * busy + self._random.gauss(0, 0.4)), 1)
        return Sample(
            cpu_usage=cpu, memory_usage=memory, disk_usage=round(self._fill, 1), uptime=t % 8e6, timestamp=utc(t),
            host=self.name, period_seconds=float(PERIOD_SECONDS),
            cpu=Cpu(percent=cpu, cores_logical=CORES, load_1m=round(cpu * CORES / 100, 1)),
            memory=Memory(
                percent=memory, total_bytes=256 * GIBIBYTE, used_bytes=int(memory * 2.56 * GIBIBYTE),
                available_bytes=int((100 - memory) * 2.56 * GIBIBYTE),
            ),
            disks=[Disk("/", "/dev/nvme0n1p2", "ext4", percent=round(self._fill, 1))],
            network=Network(
                received_bytes_per_second=round(busy * 90_000 + self._random.random() * 50_000),
                sent_bytes_per_second=round(busy * 30_000 + self._random.random() * 20_000),
            ),
        )  # fmt: skip


@contextmanager
def reporting(address: str) -> Iterator[None]:
    """The last hour of all of them at once, and then what comes; one of them has fallen silent."""
    machines = [Machine(name, address) for name in NAMES]
    now, ended = time.time(), threading.Event()
    for machine in machines:
        last = now - SILENT_SECONDS if machine.name == SILENT else now
        machine.report([t for t in _every(now - PAST_SECONDS, now) if t < last])

    def go_on() -> None:
        while not ended.wait(PERIOD_SECONDS):
            for machine in machines:
                if machine.name != SILENT:
                    machine.report([time.time()])

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _every(begin: float, end: float) -> Iterator[float]:
    return (begin + seconds for seconds in range(0, int(end - begin), PERIOD_SECONDS))
