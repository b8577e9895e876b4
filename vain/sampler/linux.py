"""Linux, read from the kernel's own files.

psutil reads the same files, but opens them each time and parses all that is in them: at one sample a second that costs
several times as much (``benchmarks/sample.py``), and some of its calls hold the GIL, which would stop the whole server.
"""

from __future__ import annotations

import os
import select
from collections.abc import Iterable
from pathlib import Path

import psutil

from vain.sampler.machine import Counters, CpuCounters, CpuTimes, Devices, MemoryLevels, Mount, Process, Usage
from vain.sampler.mounts import is_remote, parse_mountinfo
from vain.sampler.portable import temperatures
from vain.sampler.procfile import ProcFile
from vain.samples import Sensor

SECTOR_BYTES = 512
"""The unit of /proc/diskstats, whatever the disk's own sectors are."""
LOOPBACK = "lo"
NEVER_A_DISK = ("loop", "ram")
CONTAINER_END = "veth"


class LinuxMachine:
    """``root`` is where /proc and /sys are looked for (tests have one of their own)."""

    def __init__(self, root: Path = Path("/")) -> None:
        proc = root / "proc"
        self.ticks_per_second = float(os.sysconf("SC_CLK_TCK"))
        self._page_bytes = os.sysconf("SC_PAGE_SIZE")
        self._stat = ProcFile(proc / "stat")
        self._loadavg = ProcFile(proc / "loadavg")
        self._meminfo = ProcFile(proc / "meminfo")
        # "self" is looked up when the file is opened: a child after a fork would read its parent's.
        self._own_stat = ProcFile(proc / "self/stat")
        self._diskstats = ProcFile(proc / "diskstats", has_records=True)
        self._net_dev = ProcFile(proc / "self/net/dev", has_records=True)
        self._mountinfo = ProcFile(proc / "self/mountinfo", has_records=True)
        self._disks = _Layers(root / "sys/block")
        self._interfaces = _Layers(root / "sys/class/net")

    def cpu(self) -> CpuCounters | None:
        """The files of a kernel since 2.6.11 have eight times for each core."""
        lines = (self._stat.read() or b"").partition(b"\nintr")[0].splitlines()
        if not lines or not lines[0].startswith(b"cpu "):
            return None
        cores = {int(line[3 : line.index(b" ")]): _cpu_times(line) for line in lines[1:] if line.startswith(b"cpu")}
        return CpuCounters(_cpu_times(lines[0]), cores)

    def physical_cores(self) -> int | None:
        return psutil.cpu_count(logical=False)

    def load(self) -> tuple[float, float, float] | None:
        content = self._loadavg.read()
        if not content:
            return None
        one, five, fifteen = content.split(None, 3)[:3]
        return float(one), float(five), float(fifteen)

    def memory(self) -> MemoryLevels:
        content = b"\n" + (self._meminfo.read() or b"")
        names = (b"\nMemTotal:", b"\nMemAvailable:", b"\nSwapTotal:", b"\nSwapFree:")
        return MemoryLevels(*(_kibibytes(content, name) for name in names))

    def disk_devices(self) -> Devices:
        counters: dict[str, Counters] = {}
        for line in (self._diskstats.read() or b"").splitlines():
            fields = line.split(None, 10)
            reads, writes, name = int(fields[3]), int(fields[7]), fields[2].decode(errors="replace")
            if (reads or writes) and not name.startswith(NEVER_A_DISK):
                read_bytes, written_bytes = int(fields[5]) * SECTOR_BYTES, int(fields[9]) * SECTOR_BYTES
                counters[name] = (read_bytes, written_bytes, reads, writes)
        whole = self._disks.known(counters)
        return Devices({name: counters[name] for name in whole}, self._disks.lowest)

    def interfaces(self) -> Devices:
        counters: dict[str, Counters] = {}
        for line in (self._net_dev.read() or b"").splitlines()[2:]:
            left, _, right = line.rpartition(b":")
            name, fields = left.strip().decode(errors="replace"), right.split(None, 11)
            received, sent = int(fields[0]), int(fields[8])
            if (received or sent) and name != LOOPBACK and not name.startswith(CONTAINER_END):
                counters[name] = (received, sent, int(fields[2]) + int(fields[10]))
        self._interfaces.known(counters)
        return Devices(counters, self._interfaces.lowest)

    def process(self) -> Process:
        content = self._own_stat.read()
        if not content:
            return Process(None, None)
        # The name stands in brackets and may hold blanks and brackets itself. proc(5): 20 threads, 24 resident pages.
        fields = content[content.rindex(b")") + 2 :].split(None, 22)
        return Process(int(fields[21]) * self._page_bytes, int(fields[17]))

    def mounts(self) -> list[Mount]:
        # Names are bytes to Linux; what is not UTF-8 must come back the same when it is opened.
        content = os.fsdecode(self._mountinfo.read() or b"")
        return [
            Mount(info.point, info.source, info.filesystem, info.identity, is_remote(info.filesystem))
            for info in parse_mountinfo(content)
        ]

    def mounts_changed(self) -> bool:
        """The kernel raises POLLPRI on an open mountinfo when the table changes (proc(5))."""
        try:
            poll = select.poll()
            poll.register(self._mountinfo, select.POLLPRI)
            return bool(poll.poll(0))
        except OSError:
            return False

    def usage(self, path: str) -> Usage:
        """As df counts it; gives up the GIL while it waits."""
        found = os.statvfs(path)
        block = found.f_frsize
        return Usage(found.f_blocks * block, (found.f_blocks - found.f_bfree) * block, found.f_bavail * block)

    def temperatures(self) -> list[Sensor]:
        return temperatures(psutil)

    def close(self) -> None:
        for file in (
            self._stat, self._loadavg, self._meminfo, self._own_stat, self._diskstats, self._net_dev, self._mountinfo
        ):  # fmt: skip
            file.close()


class _Layers:
    """Tells devices of the kernel's own (RAID, LUKS, bridges, tunnels) from those that are hardware, by sysfs.

    Looked up only when a device comes or goes. Where none is hardware (in a container) all count.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._names: tuple[str, ...] | None = None
        self._known: list[str] = []
        self.lowest: frozenset[str] = frozenset()

    def known(self, names: Iterable[str]) -> list[str]:
        """Those that sysfs lists (for disks: not partitions); sets ``lowest``, those that stand on no other."""
        names = tuple(names)
        if names != self._names:
            links = {name: link for name in names if (link := self._link(name)) is not None}
            self._names, self._known = names, list(links)
            hardware = {name for name, link in links.items() if not _is_virtual(link)}
            self.lowest = frozenset(hardware or links or names)
        return self._known

    def _link(self, name: str) -> str | None:
        try:
            return os.readlink(self._folder / name.replace("/", "!"))
        except OSError:
            return None


def _is_virtual(link: str) -> bool:
    """A multipath NVMe disk hangs under a virtual subsystem, but nothing else counts its bytes."""
    return "/devices/virtual/" in link and "/nvme-subsystem/" not in link


def _cpu_times(line: bytes) -> CpuTimes:
    user, nice, system, idle, iowait, irq, softirq, steal = map(int, line.split(None, 9)[1:9])
    return CpuTimes(user + nice, system + irq + softirq, idle, iowait, steal)


def _kibibytes(content: bytes, name: bytes) -> int | None:
    """A line such as ``MemTotal:  24684084 kB``, in bytes."""
    place = content.find(name)
    if place < 0:
        return None
    return int(content[place + len(name) : content.index(b"kB", place)]) * 1024
