from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from vain.sampler.linux import LinuxMachine
from vain.sampler.machine import CpuTimes, MemoryLevels, Process
from vain.sampler.portable import PortableMachine

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the kernel's files")
Put = Callable[[str, str], Path]


def test_machine_without_any_file_tells_nothing_and_raises_nothing(tmp_path: Path) -> None:
    machine = LinuxMachine(tmp_path)
    assert (machine.cpu(), machine.load(), machine.mounts(), machine.mounts_changed()) == (None, None, [], False)
    assert machine.memory() == MemoryLevels(None, None, None, None)
    assert machine.disk_devices().counters == machine.interfaces().counters == {}
    assert machine.process() == Process(None, None)


def test_cores_keep_their_numbers_and_guests_are_not_counted_twice(put: Put) -> None:
    cores = "cpu0 5 1 10 50 5 1 1 2 9 0\ncpu2 5 0 10 50 0 1 2 2 0 0\n"
    root = put("proc/stat", "cpu  10 1 20 100 5 2 3 4 9 0\n" + cores + "intr 1\n")
    found = LinuxMachine(root).cpu()
    assert found and found.total == CpuTimes(user=11, system=25, idle=100, iowait=5, steal=4)
    assert list(found.cores) == [0, 2]


def test_partitions_and_disks_that_were_never_used_are_left_out(put: Put, tmp_path: Path) -> None:
    put("proc/diskstats", _disk("sda", 4) + _disk("sda1", 3) + _disk("loop0", 9) + _disk("sdb", 0))
    _link(tmp_path / "sys/block/sda", "../devices/pci0000:00/block/sda")
    _link(tmp_path / "sys/block/sdb", "../devices/pci0000:00/block/sdb")
    assert LinuxMachine(tmp_path).disk_devices().counters == {"sda": (2 * 512, 4 * 512, 4, 3)}


def test_raid_and_its_disks_are_summed_once(put: Put, tmp_path: Path) -> None:
    put("proc/diskstats", _disk("nvme0n1", 4) + _disk("sda", 4) + _disk("md0", 4))
    _link(tmp_path / "sys/block/nvme0n1", "../devices/virtual/nvme-subsystem/nvme-subsys0/nvme0n1")
    _link(tmp_path / "sys/block/sda", "../devices/pci0000:00/block/sda")
    _link(tmp_path / "sys/block/md0", "../devices/virtual/block/md0")
    found = LinuxMachine(tmp_path).disk_devices()
    assert (set(found.counters), found.summed) == ({"nvme0n1", "sda", "md0"}, {"nvme0n1", "sda"})


def test_bridge_is_not_summed_with_the_card_below_and_loopback_is_not_there(put: Put, tmp_path: Path) -> None:
    put("proc/self/net/dev", "head\nhead\n" + _nic("lo", 5) + _nic("eth0", 7) + _nic("docker0", 7) + _nic("veth12", 7))
    _link(tmp_path / "sys/class/net/eth0", "../../devices/pci0000:00/net/eth0")
    _link(tmp_path / "sys/class/net/docker0", "../../devices/virtual/net/docker0")
    found = LinuxMachine(tmp_path).interfaces()
    assert (dict(found.counters), found.summed) == ({"eth0": (7, 9, 3), "docker0": (7, 9, 3)}, {"eth0"})


def test_in_a_container_the_only_interface_counts_though_it_is_virtual(put: Put, tmp_path: Path) -> None:
    put("proc/self/net/dev", "head\nhead\n" + _nic("eth0", 7))
    _link(tmp_path / "sys/class/net/eth0", "../../devices/virtual/net/eth0")
    assert LinuxMachine(tmp_path).interfaces().summed == {"eth0"}


def test_name_of_the_process_may_hold_blanks_and_brackets(put: Put) -> None:
    root = put("proc/self/stat", "7 (a) b (c) S 1 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 12 0 99 1000 64 18446744 1 1")
    found = LinuxMachine(root).process()
    assert found.threads == 12 and found.memory_bytes and found.memory_bytes % 64 == 0


def test_levels_agree_with_psutil_on_this_machine() -> None:
    ours, theirs = LinuxMachine(), PortableMachine()
    assert ours.memory().total == theirs.memory().total
    assert ours.usage("/").total == theirs.usage("/").total
    assert ours.physical_cores() == theirs.physical_cores()
    found = ours.process()
    assert found.memory_bytes == pytest.approx(psutil.Process().memory_info().rss, rel=0.2)
    assert found.threads == psutil.Process().num_threads()


def test_counters_agree_with_psutil_on_this_machine() -> None:
    ours, theirs = LinuxMachine(), PortableMachine()
    before, between, after = ours.cpu(), theirs.cpu(), ours.cpu()
    assert before and between and after and len(before.cores) == len(between.cores)
    ticks = ours.ticks_per_second
    assert before.total.user <= between.total.user * ticks + 1 <= after.total.user + 2
    mine, other = ours.interfaces().counters, theirs.interfaces().counters
    assert set(mine) <= set(other) and all(mine[name][0] <= other[name][0] for name in mine)


def test_every_mount_that_psutil_finds_real_is_in_the_table() -> None:
    table = {mount.point for mount in LinuxMachine().mounts()}
    assert {part.mountpoint for part in psutil.disk_partitions(all=False)} <= table


def test_table_of_mounts_that_did_not_change_says_so() -> None:
    machine = LinuxMachine()
    machine.mounts()
    machine.mounts_changed()
    assert machine.mounts_changed() is False
    machine.close()


def _disk(name: str, reads: int) -> str:
    return f"   8       0 {name} {reads} 0 {reads // 2} 0 {max(0, reads - 1)} 0 {reads} 0 0 0 0\n"


def _nic(name: str, received: int) -> str:
    return f"{name:>6}: {received} 1 1 0 0 0 0 0 {received + 2} 1 2 0 0 0 0 0\n"


def _link(path: Path, target: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)
