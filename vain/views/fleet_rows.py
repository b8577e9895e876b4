"""What the table of hosts is told of each: figures as it shows them, and of a tick only the rows that changed. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from msgspec import Struct

from vain.clock import unix
from vain.hosts import Figures, Host
from vain.views.cards import judged

SKEW_SECONDS: Final = 0.5
"""What is less is not told: a network is not more exact."""
SEEN_SECONDS: Final = 10.0
"""When a host that speaks was last heard of is told anew only after so long, or it would change with each tick."""
UNKNOWN: Final = Figures("", None, None, None, None, None, None, None, None, None, None)
"""Of a host that is silent."""
LOOKS: Final = {"ok": "", "warning": "w", "critical": "c"}


class Row(Struct, frozen=True, array_like=True):
    """One host. Unknown is None; times are Unix seconds. ``looks`` has a state for CPU, memory and disk."""

    name: str
    is_server: bool
    is_silent: bool
    seen: float | None
    cpu: float | None
    memory: float | None
    disk: float | None
    gpu: float | None
    load: float | None
    cores: int | None
    received: int | None
    sent: int | None
    tasks: int
    skew: float | None
    waiting: int | None
    version: str
    looks: tuple[str, str, str]


def row_of(host: Host, is_own: bool = True) -> Row:
    """What is told of it; ``is_own``: of the machines of servers it is that of this one, whose pages need no name."""
    now = host.now or UNKNOWN
    skew = host.clock_skew_seconds
    is_server = host.kind == "server" and is_own
    return Row(
        name=host.name,
        is_server=is_server,
        is_silent=host.silent,
        seen=None if host.last_seen_at is None else round(unix(host.last_seen_at), 1),
        cpu=_rounded(now.cpu_usage),
        memory=_rounded(now.memory_usage),
        disk=_rounded(now.disk_usage),
        gpu=_rounded(now.gpu_usage),
        load=None if now.load_1m is None else round(now.load_1m, 2),
        cores=now.cores_logical,
        received=_about(now.received_bytes_per_second),
        sent=_about(now.sent_bytes_per_second),
        tasks=host.tasks_in_progress,
        skew=round(skew, 1) if skew is not None and abs(skew) > SKEW_SECONDS and not is_server else None,
        waiting=host.samples_waiting,
        version=host.version or "",
        looks=_looks(now),
    )


def changes(before: Mapping[str, Row], now: Mapping[str, Row]) -> dict[str, Any]:
    """The rows that are new or different, and the names of those that are there no more; empty if nothing changed."""
    fresh = [row for name, row in now.items() if name not in before or _differs(before[name], row)]
    gone = [name for name in before if name not in now]
    return {"rows": fresh, "gone": gone} if fresh or gone else {}


def by_name(hosts: Iterable[Host]) -> dict[str, Row]:
    """The rows of all hosts, in their order: the server's own machine is the first."""
    return {host.name: row_of(host, is_own=place == 0) for place, host in enumerate(hosts)}


def _differs(before: Row, now: Row) -> bool:
    if before == now:
        return False
    if before.is_silent or now.is_silent or before.seen is None or now.seen is None:
        return True
    return now.seen - before.seen >= SEEN_SECONDS or _without_time(before) != _without_time(now)


def _without_time(row: Row) -> tuple[Any, ...]:
    return tuple(getattr(row, name) for name in Row.__struct_fields__ if name != "seen")


def _looks(now: Figures) -> tuple[str, str, str]:
    cpu, _ = judged("cpu.percent", now.cpu_usage)
    memory, _ = judged("memory.percent", now.memory_usage)
    disk, _ = judged("disk.percent", now.disk_usage)
    return LOOKS[cpu], LOOKS[memory], LOOKS[disk]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)


def _about(value: float | None) -> int | None:
    """With three digits, which is all that is shown."""
    return None if value is None else int(float(f"{value:.3g}"))
