"""The limits that this process lives under, when it is in a container (or a systemd slice with limits).

psutil shows the host's CPU and memory there. Control groups of both versions are read; which one holds which
controller, and where, is looked up in /proc/self/cgroup and mountinfo, because neither may be assumed: a machine can
have both, and a container sees its own group under another path than the host does.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from vain.clock import Clock
from vain.quality import Cause
from vain.sampler.mounts import parse_mountinfo
from vain.sampler.percent import percent
from vain.sampler.procfile import ProcFile

LOOKUP_INTERVAL_SECONDS = 10.0
"""Limits seldom change, and most machines have none: in between only the usage is read, if there is a limit."""
NO_LIMIT_BYTES = 2**62
"""Version 1 writes "no limit" as the largest number of whole pages."""


class Limits(NamedTuple):
    """What may be used and what is used; None: no limit was found. Memory is without the file cache that can go."""

    cores: float | None
    cpu_percent: float | None
    memory_bytes: int | None
    memory_used_bytes: int | None
    memory_percent: float | None


class Group(NamedTuple):
    """A folder of a control group hierarchy, and the version of that hierarchy."""

    version: int
    folder: Path
    path: PurePosixPath
    """From the mount point; the same group has the same path in each hierarchy that it is in."""


class CgroupReader:
    """Keeps where the tightest limits are, and the CPU seconds used there at the last look."""

    def __init__(self, monotonic: Clock, root: Path = Path("/")) -> None:
        self._monotonic = monotonic
        self._root = root
        self._next_at = monotonic()
        self._memory_bytes: int | None = None
        self._cores: float | None = None
        self._memory = _MemoryUse(None)
        self._cpu = _CpuUse(None)
        self.cpu_cause: Cause | None = None
        """Why the use of the cores is unknown since the last look; None also where it cannot be read."""

    def read(self, seconds: float | None) -> Limits:
        """``seconds`` since the last look; None if it must not be compared with."""
        now = self._monotonic()
        if now >= self._next_at:
            self._next_at = now + LOOKUP_INTERVAL_SECONDS
            self._look_up()
        used_bytes = self._memory.bytes()
        used_seconds = self._cpu.seconds_since_last()
        could_use = seconds * self._cores if seconds and self._cores else None
        self.cpu_cause = self._cpu.cause if seconds else "first"
        return Limits(
            cores=self._cores,
            cpu_percent=percent(used_seconds, could_use),
            memory_bytes=self._memory_bytes,
            memory_used_bytes=used_bytes,
            memory_percent=percent(used_bytes, self._memory_bytes),
        )

    def close(self) -> None:
        self._memory.close()
        self._cpu.close()

    def _look_up(self) -> None:
        """A limit of any group above ours holds too, and the tightest is the one that is felt."""
        memory = [(limit, group) for group in groups("memory", self._root) if (limit := memory_limit(group))]
        cpu = [(cores, group) for group in groups("cpu", self._root) if (cores := core_limit(group))]
        self._memory_bytes, memory_group = min(memory, default=(None, None), key=lambda found: found[0])
        self._cores, cpu_group = min(cpu, default=(None, None), key=lambda found: found[0])
        if memory_group != self._memory.group:
            self._memory.close()
            self._memory = _MemoryUse(memory_group)
        if cpu_group is not None and cpu_group.version == 1:
            # Version 1 may count in a hierarchy of its own, beside the one that limits.
            counting = {group.path: group for group in groups("cpuacct", self._root) if group.version == 1}
            cpu_group = counting.get(cpu_group.path)
        if cpu_group != self._cpu.group:
            self._cpu.close()
            self._cpu = _CpuUse(cpu_group)


class _MemoryUse:
    """What a group uses of its memory; of no group: unknown."""

    def __init__(self, group: Group | None) -> None:
        self.group = group
        folder, version = (group.folder, group.version) if group else (Path(), 2)
        self._usage = ProcFile(folder / ("memory.current" if version == 2 else "memory.usage_in_bytes"))
        self._stat = ProcFile(folder / "memory.stat")
        self._inactive = b"inactive_file" if version == 2 else b"total_inactive_file"

    def bytes(self) -> int | None:
        usage = _number(self._usage.read()) if self.group else None
        if usage is None:
            return None
        return max(0, usage - (_entry(self._stat.read(), self._inactive) or 0))

    def close(self) -> None:
        self._usage.close()
        self._stat.close()


class _CpuUse:
    """What a group has used of the cores; of no group: unknown."""

    def __init__(self, group: Group | None) -> None:
        self.group = group
        folder, self._version = (group.folder, group.version) if group else (Path(), 2)
        self._file = ProcFile(folder / ("cpu.stat" if self._version == 2 else "cpuacct.usage"))
        self._before: float | None = None
        self.cause: Cause | None = None

    def seconds_since_last(self) -> float | None:
        before, self._before = self._before, self._seconds() if self.group else None
        self.cause = None
        if self._before is None:
            return None
        if before is None or self._before < before:
            self.cause = "first" if before is None else "reset"
            return None
        return self._before - before

    def close(self) -> None:
        self._file.close()

    def _seconds(self) -> float | None:
        content = self._file.read()
        used = _entry(content, b"usage_usec") if self._version == 2 else _number(content)
        return None if used is None else used / (1e6 if self._version == 2 else 1e9)


def groups(controller: str, root: Path = Path("/")) -> list[Group]:
    """Our own group for a controller and all above it that can be seen, the innermost first; empty if there is none."""
    for version, membership in _memberships(controller, _text(root / "proc/self/cgroup") or ""):
        for mount in parse_mountinfo(_text(root / "proc/self/mountinfo") or ""):
            wanted = ("cgroup", controller) if version == 1 else ("cgroup2", "")
            if mount.filesystem == wanted[0] and (version == 2 or wanted[1] in mount.options.split(",")):
                top = root / mount.point.lstrip("/")
                below = _below(membership, mount.root)
                inner = PurePosixPath(below if (top / below).is_dir() else ".")
                return [Group(version, top / path, path) for path in (inner, *inner.parents)]
    return []


def memory_limit(group: Group) -> int | None:
    """In bytes; None if this group has none."""
    limit = _number(_content(group.folder / ("memory.max" if group.version == 2 else "memory.limit_in_bytes")))
    return None if limit is None or limit >= NO_LIMIT_BYTES else limit


def core_limit(group: Group) -> float | None:
    """How many cores' worth of time this group may use; None if it has no limit."""
    if group.version == 2:
        quota, _, period = (_content(group.folder / "cpu.max") or b"").partition(b" ")
    else:
        quota = _content(group.folder / "cpu.cfs_quota_us") or b""
        period = _content(group.folder / "cpu.cfs_period_us") or b""
    allowed, of = _number(quota), _number(period)  # "max" and -1 are no numbers here: no limit.
    return allowed / of if allowed and of else None


def _memberships(controller: str, content: str) -> Iterator[tuple[int, str]]:
    """Version and path of the hierarchies that may hold the controller: version 1 by name, then the unified one."""
    lines = [line.split(":", 2) for line in content.splitlines() if line.count(":") >= 2]
    yield from ((1, path) for _, controllers, path in lines if controller in controllers.split(","))
    yield from ((2, path) for number, controllers, path in lines if number == "0" and not controllers)


def _below(path: str, root: str) -> str:
    """The path of a group under the mount whose root is ``root``; "." if it is not visible from here."""
    if root != "/" and path != root and not path.startswith(root + "/"):
        return "."
    inner = path if root == "/" else path[len(root) :]
    return "." if ".." in inner.split("/") else inner.strip("/") or "."


def _content(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except OSError:
        return None


def _text(file: Path) -> str | None:
    content = _content(file)
    return None if content is None else content.decode(errors="surrogateescape")


def _number(content: bytes | None) -> int | None:
    return int(content) if content and content.strip().isdigit() else None


def _entry(content: bytes | None, name: bytes) -> int | None:
    """A line ``name value`` of a flat keyed file."""
    for line in (content or b"").splitlines():
        key, _, value = line.partition(b" ")
        if key == name:
            return _number(value)
    return None
