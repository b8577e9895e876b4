"""Which file systems are worth showing: real ones, each once, and always those of ``/`` and of the data folder."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from vain.sampler.machine import Mount

REMOTE_FILESYSTEMS = frozenset(
    "9p afpfs afs ceph cifs coda davfs glusterfs lustre ncpfs nfs nfs4 smb2 smb3 smbfs webdav".split()
)
PSEUDO_FILESYSTEMS = frozenset(
    """
    autofs binfmt_misc bpf cgroup cgroup2 configfs debugfs devfs devpts devtmpfs efivarfs fdescfs fusectl hugetlbfs
    linprocfs linsysfs mqueue nsfs nullfs overlay proc procfs pstore ramfs rootfs rpc_pipefs securityfs selinuxfs sysfs
    tmpfs tracefs cdfs cramfs erofs iso9660 squashfs udf
    fuse.fuse-overlayfs fuse.gvfsd-fuse fuse.lxcfs fuse.portal fuse.snapfuse fuse.squashfuse
    """.split()
)
"""Kept in memory, layers over others, and images that are full for ever. Stat on an autofs would mount it."""
SYSTEM_VOLUMES, USER_VOLUME = "/System/Volumes/", "/System/Volumes/Data"
"""macOS shows its own parts of one disk as volumes; only this one fills up."""


class MountInfo(NamedTuple):
    """One line of /proc/self/mountinfo (proc(5))."""

    identity: str
    """Major and minor number: the same for bind mounts and subvolumes, and read without touching the file system."""
    root: str
    """The part of the file system that is mounted here."""
    point: str
    filesystem: str
    source: str
    options: str


def parse_mountinfo(content: str) -> list[MountInfo]:
    """The lines of /proc/self/mountinfo; a line that does not look like one is left out."""
    found = []
    for line in content.splitlines():
        left, separator, right = line.partition(" - ")
        before, after = left.split(" "), right.split(" ")
        if separator and len(before) >= 6 and len(after) >= 3:
            root, point, source = (_plain(text) for text in (before[3], before[4], after[1]))
            found.append(MountInfo(before[2], root, point, after[0], source, after[2]))
    return found


def is_remote(filesystem: str) -> bool:
    """Whether a read may hang because another machine, or a program, does not answer. ``fuseblk`` is a local disk."""
    return filesystem in REMOTE_FILESYSTEMS or filesystem.startswith(("fuse.", "macfuse", "osxfuse"))


def mount_of(path: str, mounts: Iterable[Mount]) -> Mount | None:
    """The mount that a (real) path lies on; of two over each other, the upper one."""
    holding = [mount for mount in mounts if _lies_in(path, mount.point)]
    return max(reversed(holding), key=lambda mount: len(mount.point), default=None)


def real_mounts(
    mounts: Sequence[Mount], always: Iterable[str], is_folder: Callable[[str], bool] = os.path.isdir
) -> list[Mount]:
    """What to show, the shortest mount point first.

    psutil's own ``disk_partitions(all=False)`` would drop overlay and tmpfs, and so ``/`` in a container; hence the own
    filter. ``always`` are the paths whose file system is shown whatever it is.
    """
    uppermost = list({mount.point: mount for mount in mounts}.values())
    kept = {holder.point for path in always if (holder := mount_of(path, uppermost))}
    remote_points = [mount.point for mount in uppermost if mount.is_remote]
    chosen: dict[str, Mount] = {}
    for each in sorted(uppermost, key=lambda mount: (mount.point not in kept, len(mount.point), mount.point)):
        # The way to a mount may lead over the network, though the mount itself is local.
        mount = each._replace(is_remote=any(_lies_in(each.point, point) for point in remote_points))
        if mount.identity not in chosen and (mount.point in kept or _is_real(mount, is_folder)):
            chosen[mount.identity] = mount
    return sorted(chosen.values(), key=lambda mount: (len(mount.point), mount.point))


def _is_real(mount: Mount, is_folder: Callable[[str], bool]) -> bool:
    if mount.filesystem in PSEUDO_FILESYSTEMS:
        return False
    if mount.point.startswith(SYSTEM_VOLUMES) and mount.point != USER_VOLUME:
        return False
    # Containers have single files of the host mounted into them (/etc/hosts).
    return mount.is_remote or is_folder(mount.point)


def _lies_in(path: str, point: str) -> bool:
    return path == point or path.startswith(point.rstrip("/\\") + os.sep)


def _plain(text: str) -> str:
    """Space, tab, newline and backslash are written as octal numbers."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), text)
