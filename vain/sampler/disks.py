"""How full the file systems are."""

from __future__ import annotations

import os
from pathlib import Path

from vain.clock import Clock
from vain.sampler.machine import Machine, Mount, Usage
from vain.sampler.mounts import mount_of, real_mounts
from vain.sampler.percent import percent
from vain.sampler.remote_mounts import RemoteMounts
from vain.samples import Disk

MOUNTS_INTERVAL_SECONDS = 10.0
"""The table of mounts is read again this often, and at once where the system tells that it changed."""


class DiskReader:
    """Keeps the list of mounts, and a watcher for each that a network may hold up."""

    def __init__(self, machine: Machine, data_dir: Path | None, monotonic: Clock) -> None:
        self._machine = machine
        self._monotonic = monotonic
        self._root = os.path.realpath(os.sep)
        self._always = [self._root] if data_dir is None else [self._root, os.path.realpath(data_dir)]
        self._remote = RemoteMounts(machine.usage, monotonic)
        self._mounts: list[Mount] = []
        self._homes: set[str] = set()
        """The identities of the file systems that hold ``/`` and the data folder."""
        self._next_at = -MOUNTS_INTERVAL_SECONDS

    def read(self) -> tuple[list[Disk], float | None]:
        """All disks, and the percentage of the fullest of those that hold ``/`` or the data folder."""
        self._refresh()
        disks = [self._disk(mount) for mount in self._mounts]
        shown = zip(self._mounts, disks, strict=True)
        home = [disk.percent for mount, disk in shown if mount.identity in self._homes and disk.percent is not None]
        return disks, max(home, default=None)

    def close(self) -> None:
        self._remote.close()

    def _refresh(self) -> None:
        now = self._monotonic()
        if self._mounts and now < self._next_at and not self._machine.mounts_changed():
            return
        self._next_at = now + MOUNTS_INTERVAL_SECONDS
        table = list(self._machine.mounts())
        if mount_of(self._root, table) is None:  # In a chroot, no line of the table names its root.
            table.insert(0, Mount(self._root, "", "", "", False))
        self._mounts = real_mounts(table, self._always)
        self._homes = {holder.identity for path in self._always if (holder := mount_of(path, table))}
        self._remote.keep(mount for mount in self._mounts if mount.is_remote)

    def _disk(self, mount: Mount) -> Disk:
        usage, reachable = self._remote.look(mount.point) if mount.is_remote else self._local(mount.point)
        point, device = _shown(mount.point), _shown(mount.device)
        if usage is None:
            return Disk(point, device, mount.filesystem, reachable=reachable)
        return Disk(
            mount=point,
            device=device,
            filesystem=mount.filesystem,
            total_bytes=usage.total,
            used_bytes=usage.used,
            free_bytes=usage.free,
            percent=percent(usage.used, usage.used + usage.free),
            reachable=reachable,
        )

    def _local(self, point: str) -> tuple[Usage | None, bool]:
        try:
            return self._machine.usage(point), True
        except OSError:  # No permission, or unmounted this very moment.
            return None, False


def _shown(name: str) -> str:
    """A name of a file is bytes; those that are no UTF-8 cannot be sent as JSON."""
    return name if name.isascii() else name.encode(errors="surrogateescape").decode(errors="replace")
