"""What a task has cost: peaks over what was seen of its processes, on all hosts, and what it measured itself. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, TypeVar

import msgspec

from vain.accounting import Look
from vain.types import HostResources, Resources, Time, Usage

N = TypeVar("N", int, float)
R = TypeVar("R", HostResources, Resources)

TOTAL_FIELDS = ("cpu_seconds", "read_bytes", "written_bytes")
PEAKS = {
    "cpu_percent_peak": "cpu_percent",
    "rss_peak_bytes": "rss_bytes",
    "pss_peak_bytes": "pss_bytes",
    "gpu_memory_peak_bytes": "gpu_memory_bytes",
}
"""Of which figure each peak is."""
NOW_FIELDS = ("cpu_percent", "rss_bytes", "pss_bytes", "threads", "processes", "gpu_memory_bytes", "gpu_percent")
"""What is true of one moment only; a task that has ended has none of it."""
SELF_MEASURED = "self"
"""The basis of a figure that the process measured when it ended."""


class Cost(NamedTuple):
    """What the processes of one attempt of a task have used, on one host."""

    attempt: int
    resources: Resources


def with_look(
    before: Resources | None,
    look: Look,
    earlier: HostResources | None = None,
    whole: bool = False,
    since: Time | None = None,
) -> Resources:
    """The costs after one more look at the tree.

    ``earlier`` is what an earlier watch of the same attempt had seen (the server was restarted): its totals count on,
    unless the look counts ``whole`` processes and so has that time in it. ``since`` is when the first look was.
    """
    seen, base = before or Resources(since=earlier.since if earlier else since), earlier or Resources()
    total = _most if whole else _sum
    return Resources(
        cpu_seconds=_rounded(total(base.cpu_seconds, look.cpu_seconds), 2),
        cpu_percent=_rounded(look.cpu_percent, 1),
        cpu_percent_peak=_rounded(_most(seen.cpu_percent_peak, base.cpu_percent_peak, look.cpu_percent), 1),
        rss_bytes=look.rss_bytes,
        rss_peak_bytes=_most(seen.rss_peak_bytes, base.rss_peak_bytes, look.rss_bytes),
        pss_bytes=look.pss_bytes,
        pss_peak_bytes=_most(seen.pss_peak_bytes, base.pss_peak_bytes, look.pss_bytes),
        read_bytes=total(base.read_bytes, look.read_bytes),
        written_bytes=total(base.written_bytes, look.written_bytes),
        threads=look.threads,
        processes=look.processes,
        gpu_memory_bytes=look.gpu_memory_bytes,
        gpu_memory_peak_bytes=_most(seen.gpu_memory_peak_bytes, base.gpu_memory_peak_bytes, look.gpu_memory_bytes),
        gpu_percent=_rounded(look.gpu_percent, 1),
        basis=dict(look.basis),
        since=seen.since,
    )


def gone_before(earlier: HostResources, look: Look) -> HostResources:
    """What processes had used that an earlier watch has seen and this one cannot see any more.

    ``look`` is the first of the new watch, with all that those used who are still there. What is more than that must
    have been used by others. If others have come meanwhile it is too little, and never too much.
    """
    left = {name: _minus(getattr(earlier, name), getattr(look, name)) for name in TOTAL_FIELDS}
    return msgspec.structs.replace(earlier, **left)


def parts_of(resources: Resources | None, home: str | None) -> dict[str, HostResources]:
    """What of it was used on each host; ``home`` is where the task's process is."""
    if resources is None:
        return {}
    return {home or "": _as(HostResources, resources)} if resources.hosts is None else dict(resources.hosts)


def hosts_of(resources: Resources | None) -> list[str]:
    """Where it was used, if that was not at home alone."""
    return [] if resources is None or resources.hosts is None else list(resources.hosts)


def part_of(resources: Resources | None, home: str | None, host: str) -> HostResources | None:
    """What of it was used on this host; None: nothing is known."""
    return parts_of(resources, home).get(host)


def only_part(part: HostResources | None, home: str | None, host: str) -> Resources | None:
    """As if nothing else were known of the task than this: what a host needs to know."""
    if part is None:
        return None
    return _as(Resources, part) if host == home else Resources(hosts={host: _as(HostResources, part)})


def whole_of(
    parts: Mapping[str, HostResources], home: str | None, earlier: Iterable[Resources | None] = ()
) -> Resources | None:
    """What was used on all hosts together; None if nothing is known.

    Figures are summed as far as they are known, and ``basis`` says of how many hosts that is. A peak is the largest of
    each host's own, of the sum of what each uses now, and of the peaks that were found so ``earlier``. What the peak
    was is not known: hosts look at moments of their own, and what one held a second before another is no sum of both.
    So this one lies between the largest of one host and the sum of all of theirs, where the true one lies as well. It
    is off by what changed within a period and on the way of a report, and misses what was over before both were heard.
    """
    if not parts:
        return None
    if list(parts) == [home or ""]:
        return _as(Resources, parts[home or ""])
    known = list(parts.values())
    fields = {name: _sum_of(getattr(part, name) for part in known) for name in (*TOTAL_FIELDS, *NOW_FIELDS)}
    before = [each for each in earlier if each is not None]
    for peak, now in PEAKS.items():
        fields[peak] = _most(fields[now], *(getattr(each, peak) for each in (*known, *before)))
    rounded = {name: _rounded(fields[name], 1) for name in ("cpu_percent", "cpu_percent_peak", "gpu_percent")}
    seconds = _rounded(fields["cpu_seconds"], 2)
    since = parts[home or ""].since if (home or "") in parts else None
    hosts = {name: _as(HostResources, parts[name]) for name in sorted(parts)}
    return Resources(**fields | rounded | {"cpu_seconds": seconds}, basis=_basis_of(known), since=since, hosts=hosts)


def renewed(stored: Resources | None, known: Resources, home: str | None) -> Resources:
    """What is known now, with what is stored of hosts that tell nothing any more."""
    if known.hosts is None and (stored is None or stored.hosts is None):
        return known
    before = {host: without_now(part) for host, part in parts_of(stored, home).items()}
    return whole_of(before | parts_of(known, home), home, [stored, known]) or known


def with_usage(seen: Resources | None, usage: Usage, home: str | None = None) -> Resources:
    """With what the process measured itself, where that is more than was seen: nobody sees the last second.

    Of several hosts it is of the one on which the process was.
    """
    if seen is not None and seen.hosts is not None:
        own = with_usage(only_part(seen.hosts.get(home or ""), home, home or ""), usage)
        return whole_of({**seen.hosts, home or "": own}, home, [seen]) or own
    seen = seen or Resources()
    fields: dict[str, Any] = {}
    basis = dict(seen.basis)
    for kind, name in (
        ("cpu", "cpu_seconds"), ("memory", "rss_peak_bytes"), ("io", "read_bytes"), ("io", "written_bytes")
    ):  # fmt: skip
        own, known = getattr(usage, name), getattr(seen, name)
        if own is not None and (known is None or own > known):
            fields[name] = own
            if known is None:
                basis.setdefault(kind, SELF_MEASURED)
            elif SELF_MEASURED not in basis.get(kind, ""):
                basis[kind] = f"{basis[kind]}, {SELF_MEASURED}" if kind in basis else SELF_MEASURED
    return msgspec.structs.replace(seen, **fields, basis=basis)


def ended(seen: Resources | None) -> Resources | None:
    """The totals and peaks that stay."""
    if seen is None:
        return None
    hosts = None if seen.hosts is None else {name: without_now(part) for name, part in seen.hosts.items()}
    return msgspec.structs.replace(without_now(seen), hosts=hosts)


def without_now(used: R) -> R:
    """Of now nothing is known; what was used stays used."""
    return msgspec.structs.replace(used, **dict.fromkeys(NOW_FIELDS))


def _as(type_: type[R], used: HostResources) -> R:
    if type(used) is type_:
        return used
    return type_(**{name: getattr(used, name) for name in HostResources.__struct_fields__})


def _basis_of(parts: list[HostResources]) -> dict[str, str]:
    """How each kind of figure was got, and of how many hosts, if not of all."""
    basis = {}
    for kind in dict.fromkeys(kind for part in parts for kind in part.basis):
        ways = [part.basis[kind] for part in parts if kind in part.basis]
        some = "" if len(ways) == len(parts) else f" ({len(ways)} of {len(parts)} hosts)"
        basis[kind] = ", ".join(dict.fromkeys(ways)) + some
    return basis


def _most(*values: N | None) -> N | None:
    known = [value for value in values if value is not None]
    return max(known) if known else None


def _sum_of(values: Iterable[N | None]) -> N | None:
    known = [value for value in values if value is not None]
    return sum(known[1:], known[0]) if known else None


def _minus(whole: N | None, part: N | None) -> N | None:
    return whole if whole is None or part is None else max(whole - part, type(whole)(0))


def _sum(base: N | None, more: N | None) -> N | None:
    if base is None or more is None:
        return more if base is None else base
    return base + more


def _rounded(value: float | None, decimals: int) -> float | None:
    return None if value is None else round(value, decimals)
