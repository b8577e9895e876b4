"""Proportional memory of the processes of a tree: exact figures now and then, scaled in between.

To read it takes the kernel a walk over all pages, some milliseconds for a large process, so few processes are read at a
look, the largest first; between two readings a process follows its resident memory by the ratio of the last one.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from vain.accounting import Identity

FRESH_SECONDS = 30.0
MOST_READ = 3
"""Processes at one look."""
SMALL_SHARE = 0.02
"""Of a tree's resident memory: a process below it counts with what it has resident."""
PSS = b"\nPss:"


class ProportionalMemory:
    """``root`` is where /proc is looked for."""

    def __init__(self, root: Path = Path("/")) -> None:
        self._proc = root / "proc"
        self._ratios: dict[Identity, tuple[float | None, float]] = {}
        """Proportional to resident, and when it was read; None: it may not be read."""

    def read_some(self, members: Mapping[Identity, int], now: float) -> None:
        """Read the largest of the members (with their resident bytes) whose reading is old, or was never made."""
        self._ratios = {identity: known for identity, known in self._ratios.items() if identity in members}
        due = [each for each in members if each not in self._ratios or now - self._ratios[each][1] > FRESH_SECONDS]
        for largest in sorted(due, key=lambda each: members[each], reverse=True)[:MOST_READ]:
            self._ratios[largest] = self._ratio(largest, members[largest]), now

    def of(self, members: Mapping[Identity, int]) -> int | None:
        """The proportional bytes of a tree, from its members' resident ones; None while too little was read."""
        resident, total = sum(members.values()), 0.0
        for identity, rss in members.items():
            ratio = self._ratios.get(identity, (None, 0.0))[0]
            if ratio is None and rss > SMALL_SHARE * resident:
                return None
            total += rss * (1.0 if ratio is None else ratio)
        return round(total) if resident else None

    def _ratio(self, identity: Identity, rss: int) -> float | None:
        try:
            content = (self._proc / str(identity.pid) / "smaps_rollup").read_bytes()
        except OSError:
            return None
        at = content.find(PSS)
        if at < 0 or rss <= 0:
            return None
        pss = int(content[at + len(PSS) :].split(None, 1)[0]) * 1024
        return min(1.0, pss / rss)
