from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from vain.sampler.disks import DiskReader
from vain.sampler.machine import Mount, Usage

ROOT = Mount("/", "/dev/sda1", "ext4", "8:1", False)


def test_percent_follows_df_and_leaves_out_the_reserve_of_root(machine: Any, dial: Any) -> None:
    machine.usage_of = lambda path: Usage(total=100, used=60, free=35)
    [disk], _ = DiskReader(machine, None, dial).read()
    assert (disk.percent, disk.total_bytes, disk.free_bytes) == (63.2, 100, 35)


def test_disk_usage_is_that_of_the_fuller_of_root_and_data(machine: Any, dial: Any, tmp_path: Path) -> None:
    full = {"/": 10, str(tmp_path / "other"): 99, str(tmp_path / "data"): 20}
    for point in full:
        Path(point).mkdir(exist_ok=True)
    machine.mounts_now = [Mount(point, "/dev/sd", "ext4", point, False) for point in full]
    machine.usage_of = lambda path: Usage(100, full[path], 100 - full[path])
    disks, percent = DiskReader(machine, tmp_path / "data/vain", dial).read()
    assert (len(disks), percent) == (3, 20.0)


def test_disk_that_cannot_be_read_is_shown_without_figures(machine: Any, dial: Any) -> None:
    def denied(path: str) -> Usage:
        raise PermissionError(path)

    machine.usage_of = denied
    disks, percent = DiskReader(machine, None, dial).read()
    assert (disks[0].percent, disks[0].reachable, percent) == (None, False, None)


def test_table_of_mounts_is_read_every_ten_seconds(machine: Any, dial: Any) -> None:
    reader = DiskReader(machine, None, dial)
    for _ in range(25):
        reader.read()
        dial.seconds += 1
    assert machine.mounts_reads == 3


def test_table_of_mounts_is_read_at_once_when_it_changed(machine: Any, dial: Any) -> None:
    reader = DiskReader(machine, None, dial)
    reader.read()
    machine.changed = True
    reader.read()
    assert machine.mounts_reads == 2


def test_dead_network_mount_holds_up_nothing(machine: Any, dial: Any) -> None:
    machine.mounts_now = [ROOT, Mount("/nfs", "server:/export", "nfs4", "0:60", True)]
    answers = threading.Event()

    def hangs(path: str) -> Usage:
        assert path == "/" or answers.wait(10)
        return Usage(100, 40, 60)

    machine.usage_of = hangs
    reader = DiskReader(machine, None, dial)
    reader.read()
    dial.seconds += 6
    disks, percent = reader.read()
    assert [(disk.mount, disk.percent, disk.reachable) for disk in disks] == [("/", 40.0, True), ("/nfs", None, False)]
    assert percent == 40.0
    answers.set()
    reader.close()


def test_root_of_a_chroot_is_shown_though_no_table_names_it(machine: Any, dial: Any) -> None:
    machine.mounts_now = []
    disks, percent = DiskReader(machine, None, dial).read()
    assert ([disk.mount for disk in disks], percent) == (["/"], 44.4)


def test_name_that_is_no_text_can_be_sent_all_the_same(machine: Any, dial: Any) -> None:
    machine.mounts_now = [Mount("/", "/dev/\udcff", "ext4", "8:1", False)]
    [disk], _ = DiskReader(machine, None, dial).read()
    assert disk.device.encode() == "/dev/\ufffd".encode()
