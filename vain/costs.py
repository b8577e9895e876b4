"""What a task has cost: peaks over what was seen of its process tree, and what it measured itself. Pure."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeVar

import msgspec

from vain.accounting import Look
from vain.types import Resources, Time, Usage

N = TypeVar("N", int, float)

NOW_FIELDS = ("cpu_percent", "rss_bytes", "pss_bytes", "threads", "processes", "gpu_memory_bytes", "gpu_percent")
"""What is true of one moment only; a task that has ended has none of it."""
SELF_MEASURED = "self"
"""The basis of a figure that the process measured when it ended."""


class Cost(NamedTuple):
    """What the processes of one attempt of a task have used."""

    attempt: int
    resources: Resources


def with_look(
    before: Resources | None,
    look: Look,
    earlier: Resources | None = None,
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


def with_usage(seen: Resources | None, usage: Usage) -> Resources:
    """With what the process measured itself, where that is more than was seen: nobody sees the last second."""
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
    return None if seen is None else msgspec.structs.replace(seen, **dict.fromkeys(NOW_FIELDS))


def _most(*values: N | None) -> N | None:
    known = [value for value in values if value is not None]
    return max(known) if known else None


def _sum(base: N | None, more: N | None) -> N | None:
    if base is None or more is None:
        return more if base is None else base
    return base + more


def _rounded(value: float | None, decimals: int) -> float | None:
    return None if value is None else round(value, decimals)
