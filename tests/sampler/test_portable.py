from __future__ import annotations

from types import SimpleNamespace as Fields
from typing import Any

from vain.sampler.machine import CpuTimes, Mount
from vain.sampler.portable import PortableMachine
from vain.samples import Sensor


def machine(**functions: Any) -> PortableMachine:
    return PortableMachine(Fields(Process=lambda: None, WINDOWS=False, **functions))  # type: ignore[arg-type]


def test_times_are_read_by_name_and_what_the_system_lacks_is_unknown() -> None:
    macos = Fields(idle=70.0, nice=1.0, user=9.0, system=20.0)
    found = machine(cpu_times=lambda percpu=False: [macos] if percpu else macos).cpu()
    assert found and found.total == found.cores[0] == CpuTimes(10.0, 20.0, 70.0, None, None)


def test_load_on_windows_is_unknown_until_it_was_measured() -> None:
    windows = Fields(Process=lambda: None, WINDOWS=True, getloadavg=lambda: (0.0, 0.0, 0.0))
    assert PortableMachine(windows).load() is None  # type: ignore[arg-type]
    assert machine(getloadavg=lambda: (0.0, 0.0, 0.0)).load() == (0.0, 0.0, 0.0)


def test_counters_come_as_they_are_without_psutils_repair_of_wraps() -> None:
    def disks(perdisk: bool, nowrap: bool) -> dict[str, Fields]:
        assert perdisk and not nowrap
        return {"disk0": Fields(read_bytes=1, write_bytes=2, read_count=3, write_count=4, read_time=0)}

    assert machine(disk_io_counters=disks).disk_devices().counters == {"disk0": (1, 2, 3, 4)}


def test_machine_without_disks_or_interfaces_has_none() -> None:
    nothing = machine(disk_io_counters=lambda **_: None, net_io_counters=lambda **_: None)
    assert nothing.disk_devices().counters == nothing.interfaces().counters == {}


def test_loopback_is_left_out_under_each_of_its_names() -> None:
    nic = Fields(bytes_recv=1, bytes_sent=1, errin=0, errout=0)
    names = ("lo", "lo0", "Loopback Pseudo-Interface 1", "en0", "longhaul0")
    found = machine(net_io_counters=lambda pernic, nowrap: dict.fromkeys(names, nic)).interfaces()
    assert list(found.counters) == ["en0", "longhaul0"]


def test_network_drive_is_remote_and_an_optical_drive_is_not_touched() -> None:
    parts = [
        Fields(mountpoint="Z:\\", device="Z:\\", fstype="NTFS", opts="rw,remote"),
        Fields(mountpoint="D:\\", device="D:\\", fstype="", opts="cdrom"),
    ]
    assert machine(disk_partitions=lambda **_: parts).mounts() == [Mount("Z:\\", "Z:\\", "NTFS", "Z:\\", True)]


def test_system_without_the_function_has_no_sensors() -> None:
    assert machine().temperatures() == []


def test_sensors_are_named_by_chip_and_label() -> None:
    chip = {"nvme": [Fields(label="Composite", current=38.5), Fields(label="", current=1.0)]}
    found = machine(sensors_temperatures=lambda: chip)
    assert found.temperatures() == [Sensor("nvme Composite", 38.5), Sensor("nvme", 1.0)]


def test_sensors_of_the_same_name_are_numbered() -> None:
    chip = {"nvme": [Fields(label="Composite", current=38.5), Fields(label="Composite", current=41.0)]}
    found = machine(sensors_temperatures=lambda: chip).temperatures()
    assert found == [Sensor("nvme Composite", 38.5), Sensor("nvme Composite 2", 41.0)]


def test_psutil_of_this_machine_answers_all_of_it() -> None:
    here = PortableMachine()
    cpu, memory, process = here.cpu(), here.memory(), here.process()
    assert cpu and cpu.total.idle > 0 and cpu.cores
    assert memory.total and memory.available and process.memory_bytes and process.threads
    assert here.usage("/").total > 0 and any(mount.point == "/" for mount in here.mounts())
    assert here.mounts_changed() is False and here.load() is not None
