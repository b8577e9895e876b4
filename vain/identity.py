"""Which process this is: a pid is given again, but not with the same start on the same boot of the same host."""

from __future__ import annotations

import os
import re
import sys
from functools import cache
from pathlib import Path

from vain import clock, settings

PROC = Path("/proc")
START_FIELD = 22
"""Of ``/proc/PID/stat``: when the process started, in ticks since the boot."""
HOSTS_OWN_NUMBERS = "pid:[4026531836]"
"""The first PID namespace (PROC_PID_INIT_INO in the kernel's include/linux/proc_ns.h)."""
NAME_IN_STATUS = re.compile(rb"\A\d+ \((.*)\) ", re.DOTALL)


def this_process() -> dict[str, str | int | None]:
    """The source of a task that this process does: host, boot, pid, its start, and the program's name."""
    return _source(os.getpid()) | {"command": program_name()}


def of_process(pid: int) -> dict[str, str | int | None]:
    """The source of a task that another process does; its start is None if there is none, or none that we can see."""
    return _source(pid) | {"command": _command_of(pid)}


def program_name() -> str | None:
    """What this process runs, without arguments: the script's name, or the module's of ``python -m``."""
    main = sys.modules.get("__main__")
    spec = getattr(main, "__spec__", None)
    if spec is not None and spec.name:
        return str(spec.name).removesuffix(".__main__")
    script = sys.argv[0] if getattr(sys, "argv", None) else ""
    if script in ("", "-c", "-"):
        return Path(sys.executable).name or None
    return Path(script).name or None


def started_at(pid: int) -> str | None:
    """When a process started, in canonical form; None where only Linux's ``/proc`` could say it, or it is gone."""
    booted_at = _booted_at()
    try:
        # The name may hold spaces and brackets: the fields are counted from the last bracket on, where the third is.
        fields = (PROC / str(pid) / "stat").read_bytes().rpartition(b")")[2].split()
        ticks = int(fields[START_FIELD - 3])
    except (OSError, IndexError, ValueError):
        return None
    return None if booted_at is None else clock.utc(booted_at + ticks / os.sysconf("SC_CLK_TCK"))


@cache
def host() -> str:
    """What this machine is called: ``VAIN_HOSTNAME``, or what the system says."""
    return settings.host_name()


@cache
def boot_id() -> str | None:
    """Of the kernel's present life, and of the numbers that it gives to processes: a container has its own."""
    try:
        boot = (PROC / "sys/kernel/random/boot_id").read_text().strip()[:40] or None
        numbers = (PROC / "self/ns/pid").readlink().name
    except OSError:
        return None
    return boot if boot is None or numbers == HOSTS_OWN_NUMBERS else f"{boot}/{numbers}"


def _booted_at() -> int | None:
    """Unix seconds, as the kernel has them now: they move when the clock is set."""
    try:
        found = re.search(rb"^btime (\d+)$", (PROC / "stat").read_bytes(), re.MULTILINE)
    except OSError:
        return None
    return None if found is None else int(found[1])


def _source(pid: int) -> dict[str, str | int | None]:
    return {"host": host(), "pid": pid, "pid_started_at": started_at(pid), "boot_id": boot_id()}


def _command_of(pid: int) -> str | None:
    """The base name of the program; never its arguments, where secrets stand."""
    try:
        program = (PROC / str(pid) / "cmdline").read_bytes().split(b"\0", 1)[0]
        found = NAME_IN_STATUS.match((PROC / str(pid) / "stat").read_bytes())
    except OSError:
        return None
    kernel_name = found[1] if found else b""
    return os.fsdecode(os.path.basename(program) or kernel_name).encode(errors="replace").decode() or None
