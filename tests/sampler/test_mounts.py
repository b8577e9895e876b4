from __future__ import annotations

import pytest

from vain.sampler.machine import Mount
from vain.sampler.mounts import is_remote, mount_of, parse_mountinfo, real_mounts

ROOT = Mount("/", "/dev/sda1", "ext4", "8:1", False)
OVERLAY = Mount("/", "overlay", "overlay", "0:50", False)


def mount(point: str, filesystem: str = "ext4", identity: str = "8:9", remote: bool = False) -> Mount:
    return Mount(point, "/dev/x", filesystem, identity, remote)


def points(*mounts: Mount, always: tuple[str, ...] = ("/",)) -> list[str]:
    return [each.point for each in real_mounts(mounts, always, is_folder=lambda path: not path.endswith("hosts"))]


def test_line_of_mountinfo_is_read_with_its_escapes() -> None:
    line = r"36 35 98:0 /mnt1 /media/my\040disk rw,noatime master:1 shared:2 - ext3 /dev/root rw,errors=continue"
    [info] = parse_mountinfo(line)
    assert (info.identity, info.root, info.point) == ("98:0", "/mnt1", "/media/my disk")
    assert (info.filesystem, info.source, info.options) == ("ext3", "/dev/root", "rw,errors=continue")


def test_line_that_is_none_is_left_out() -> None:
    assert parse_mountinfo("garbage\n\n1 2 3 - x") == []


def test_pseudo_file_systems_and_images_are_not_shown() -> None:
    names = ("proc", "tmpfs", "squashfs", "cgroup2", "autofs", "overlay", "iso9660", "fuse.lxcfs")
    mounts = [mount(f"/{name}", name, name) for name in names]
    assert points(ROOT, *mounts) == ["/"]


def test_zfs_and_fuse_disks_are_shown() -> None:
    assert points(ROOT, mount("/tank", "zfs", "0:30"), mount("/usb", "fuseblk", "8:33")) == ["/", "/usb", "/tank"]


def test_same_space_is_shown_once_under_its_shortest_name() -> None:
    assert points(ROOT, mount("/a/bound", identity="8:1"), mount("/long/er"), mount("/long")) == ["/", "/long"]


def test_root_is_shown_even_when_it_is_an_overlay() -> None:
    assert points(OVERLAY) == ["/"]


def test_data_folder_is_shown_even_on_tmpfs() -> None:
    assert points(ROOT, mount("/scratch", "tmpfs", "0:9"), always=("/", "/scratch/vain/data")) == ["/", "/scratch"]


def test_data_folder_wins_over_another_name_of_the_same_space() -> None:
    assert points(OVERLAY, mount("/b"), mount("/var/lib/data"), always=("/", "/var/lib/data/x")) == [
        "/",
        "/var/lib/data",
    ]


def test_single_files_mounted_into_a_container_are_not_shown() -> None:
    assert points(OVERLAY, mount("/etc/hosts")) == ["/"]


def test_remote_mount_is_not_touched_to_see_whether_it_is_a_folder() -> None:
    def touched(path: str) -> bool:
        raise AssertionError(path)

    [_, remote] = real_mounts([OVERLAY, mount("/nfs", "nfs4", "0:60", remote=True)], ["/"], touched)
    assert remote.is_remote


def test_mount_on_the_way_over_the_network_counts_as_remote() -> None:
    chosen = real_mounts([ROOT, mount("/nfs", "nfs", "0:60", True), mount("/nfs/usb", "ext4", "8:5")], ["/"])
    assert [each.is_remote for each in chosen] == [False, True, True]


def test_of_two_mounts_over_each_other_the_upper_is_seen() -> None:
    lower, upper = mount("/data", identity="8:2"), mount("/data", identity="8:3")
    assert real_mounts([ROOT, lower, upper], ["/"], lambda path: True)[1] is not lower
    assert mount_of("/data/x", [ROOT, lower, upper]) is upper


def test_parts_of_macos_itself_are_not_shown() -> None:
    volumes = [mount(f"/System/Volumes/{name}", "apfs", name) for name in ("VM", "Preboot", "Data")]
    assert points(ROOT, *volumes) == ["/", "/System/Volumes/Data"]


@pytest.mark.parametrize("filesystem", ["nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "9p", "fuse.rclone"])
def test_what_may_hang_is_remote(filesystem: str) -> None:
    assert is_remote(filesystem)


@pytest.mark.parametrize("filesystem", ["ext4", "xfs", "zfs", "fuseblk", "overlay"])
def test_what_is_on_this_machine_is_not_remote(filesystem: str) -> None:
    assert not is_remote(filesystem)
