from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from vain.sampler import Sampler
from vain.sampler.machine import CpuCounters, Devices, Mount, Usage
from vain.samples import Sample, Sensor, series
from vain.types import TaskCounts

ROOT = Mount("/", "/dev/sda1", "ext4", "8:1", False)
Tick = Callable[[], Sample]


@pytest.fixture
def tick(machine: Any, clocks: Any, tmp_path: Path) -> Tick:
    """A sample, a second after the one before."""
    machine.disks_now = Devices({"sda": (0, 0, 0, 0)}, {"sda"})
    machine.interfaces_now = Devices({"eth0": (0, 0, 0)}, {"eth0"})
    sampler = Sampler(machine=machine, clocks=clocks.as_clocks(), root=tmp_path)

    def read() -> Sample:
        clocks.pass_(1)
        cpu = machine.cpu_now
        machine.cpu_now = CpuCounters(_later(cpu.total), {number: _later(core) for number, core in cpu.cores.items()})
        return sampler.read(TaskCounts())

    return read


def _later(times: Any) -> Any:
    return times._replace(idle=times.idle + 100)


def _broken() -> None:
    raise ValueError("a file in an unknown form")


def test_first_sample_says_that_each_rate_needs_two(tick: Tick) -> None:
    first, second = tick(), tick()
    became_known = {name for name, value in series(second) if value is not None and dict(series(first))[name] is None}
    assert first.missing == dict.fromkeys(became_known, "first") and len(became_known) > 15
    assert second.missing == {}


def test_what_this_machine_never_tells_is_no_gap(tick: Tick) -> None:
    tick()
    sample = tick()
    assert dict(series(sample))["load.1m"] is dict(series(sample))["pressure.io_percent"] is None
    assert sample.missing == {}


def test_counter_that_this_system_lacks_is_no_gap_even_at_first(tick: Tick, machine: Any) -> None:
    total = machine.cpu_now.total._replace(iowait=None, steal=None)
    machine.cpu_now = CpuCounters(total, {})
    missing = tick().missing
    assert "cpu.percent" in missing and "cpu.iowait_percent" not in missing and "cpu.steal_percent" not in missing


def test_after_a_sleep_rates_are_first_again(tick: Tick, clocks: Any) -> None:
    missing = tick().missing
    tick()
    clocks.since_boot.seconds += 3600
    assert tick().missing == missing


def test_device_that_is_new_is_first_and_the_sum_goes_on(tick: Tick, machine: Any) -> None:
    tick(), tick()
    machine.interfaces_now = Devices({"eth0": (5, 5, 0), "wlan0": (9, 9, 0)}, {"eth0", "wlan0"})
    sample = tick()
    assert sample.network.received_bytes_per_second == 5.0
    assert sample.missing == {
        "network.interface.received_bytes_per_second:wlan0": "first",
        "network.interface.sent_bytes_per_second:wlan0": "first",
    }


def test_counter_that_fell_back_is_a_reset_of_its_device_and_of_the_sum(tick: Tick, machine: Any) -> None:
    machine.disks_now = Devices({"sda": (9, 9, 9, 9), "sdb": (9, 9, 9, 9)}, {"sda", "sdb"})
    tick(), tick()
    machine.disks_now = Devices({"sda": (9, 9, 9, 9), "sdb": (1, 1, 1, 1)}, {"sda", "sdb"})
    missing = tick().missing
    assert set(missing.values()) == {"reset"} and "disk.reads_per_second" in missing
    assert [name for name in missing if ":" in name] == [
        "disk.device.read_bytes_per_second:sdb", "disk.device.written_bytes_per_second:sdb"
    ]  # fmt: skip


def test_processor_times_that_went_backwards_are_a_reset(tick: Tick, machine: Any) -> None:
    tick(), tick()
    total, cores = machine.cpu_now
    machine.cpu_now = CpuCounters(total._replace(idle=-999), {**cores, 1: cores[1]._replace(idle=-999)})
    missing = tick().missing
    assert missing["cpu.percent"] == missing["cpu.steal_percent"] == missing["cpu.core.percent:1"] == "reset"
    assert "cpu.core.percent:0" not in missing


def test_file_system_that_does_not_answer_is_unreachable(tick: Tick, machine: Any, clocks: Any) -> None:
    answers = Event()
    machine.mounts_now = [ROOT, Mount("/nfs", "server:/export", "nfs4", "0:60", True)]
    machine.usage_of = lambda path: Usage(100, 40, 50) if path == "/" or answers.wait(10) else Usage(0, 0, 0)
    tick(), clocks.pass_(6), tick()
    missing = tick().missing
    answers.set()
    assert missing == {"disk.percent:/nfs": "unreachable", "disk.used_bytes:/nfs": "unreachable"}


def test_part_that_fails_is_unread_with_all_that_it_told_before(tick: Tick, machine: Any) -> None:
    tick(), tick()
    machine.disk_devices = _broken
    missing = tick().missing
    assert set(missing.values()) == {"unread"} and len(missing) == 6
    assert missing.keys() >= {"disk.read_bytes_per_second", "disk.device.read_bytes_per_second:sda"}


def test_part_that_never_worked_is_no_gap(tick: Tick, machine: Any) -> None:
    machine.memory = _broken
    tick()
    assert tick().missing == {}


def test_rates_after_a_failed_look_are_first_not_too_high(tick: Tick, machine: Any) -> None:
    tick(), tick()
    read, machine.disk_devices = machine.disk_devices, _broken
    tick()
    machine.disks_now, machine.disk_devices = Devices({"sda": (2000, 0, 0, 0)}, {"sda"}), read
    sample = tick()
    assert sample.disk_io.read_bytes_per_second is None and set(sample.missing.values()) == {"first"}


def test_level_that_is_no_more_told_is_unread(tick: Tick, machine: Any) -> None:
    machine.temperatures_of = lambda: [Sensor("cpu", 40.0)]
    tick(), tick()
    machine.memory_now = machine.memory_now._replace(available=None)
    assert tick().missing == dict.fromkeys(("memory.percent", "memory.used_bytes", "memory.available_bytes"), "unread")


def test_swap_that_was_turned_off_is_no_gap(tick: Tick, machine: Any) -> None:
    tick(), tick()
    machine.memory_now = machine.memory_now._replace(swap_total=0, swap_free=0)
    sample = tick()
    assert (sample.memory.swap_percent, sample.memory.swap_used_bytes, sample.missing) == (None, 0, {})


def test_use_of_a_limited_container_is_first_then_known_then_reset(tick: Tick, put: Any) -> None:
    put("proc/self/cgroup", "0::/\n")
    put("proc/self/mountinfo", "31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n")
    put("sys/fs/cgroup/cpu.max", "50000 100000\n")
    put("sys/fs/cgroup/cpu.stat", "usage_usec 900\n")
    causes = [tick().missing.get("cpu.limit_percent") for _ in range(2)]
    put("sys/fs/cgroup/cpu.stat", "usage_usec 100\n")
    assert [*causes, tick().missing.get("cpu.limit_percent")] == ["first", None, "reset"]


def test_names_of_what_is_gone_for_good_do_not_pile_up(machine: Any, clocks: Any, tmp_path: Path) -> None:
    sampler = Sampler(machine=machine, clocks=clocks.as_clocks(), root=tmp_path)
    for number in range(500):
        machine.temperatures_of = lambda: [Sensor(f"usb{number}", 40.0)]  # noqa: B023  (called before the next round)
        clocks.pass_(10)
        sample = sampler.read(TaskCounts())
    assert len(sampler._missing._known) <= 2 * len(series(sample))
