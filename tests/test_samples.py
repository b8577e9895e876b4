from __future__ import annotations

from msgspec.structs import replace

from vain.catalog import metric_of
from vain.samples import (
    Cpu,
    Disk,
    DiskDevice,
    DiskIo,
    Memory,
    Network,
    NetworkInterface,
    Sample,
    Sensor,
    labels,
    series,
)

WHOLE = Sample(
    cpu_usage=1.0, memory_usage=1.0, disk_usage=1.0, uptime=1.0, timestamp="2026-11-23T03:06:59.123Z", host="kestrel",
    cpu=Cpu(core_percent=[1.0, None], limit_cores=2.0), memory=Memory(limit_bytes=4),
    disks=[Disk("/home", "/dev/sda1", "ext4"), Disk("/odd:name", "", "")],
    disk_io=DiskIo(devices=[DiskDevice("sda")]), network=Network(interfaces=[NetworkInterface("eth0")]),
    sensors=[Sensor("coretemp Core 0", 41.5)],
)  # fmt: skip


def test_every_series_has_a_row_in_the_catalogue_and_a_name_of_its_own() -> None:
    names = [name for name, _ in series(WHOLE)]
    assert len(set(names)) == len(names)
    assert [name for name in names if metric_of(name) is None] == []


def test_exactly_the_series_with_an_instance_have_labels_that_name_it() -> None:
    found = labels(WHOLE)
    assert found.keys() == {name for name, _ in series(WHOLE) if ":" in name}
    for name, each in found.items():
        metric = metric_of(name)
        assert metric and metric.instance and each[metric.instance] == name.partition(":")[2]


def test_labels_of_a_file_system_name_its_device_and_kind() -> None:
    assert labels(WHOLE)["disk.percent:/home"] == {"mount": "/home", "device": "/dev/sda1", "filesystem": "ext4"}


def test_a_limit_that_there_is_not_has_no_series() -> None:
    limits = {"cpu.limit_percent", "memory.limit_percent"}
    assert limits <= dict(series(WHOLE)).keys() and limits.isdisjoint(
        dict(series(replace(WHOLE, cpu=Cpu(), memory=Memory())))
    )
