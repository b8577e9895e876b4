"""What a run cost, as the process itself can say it: only when nothing else ran beside the run in this process."""

from __future__ import annotations

import os
import sys

if sys.platform != "win32":
    import resource

MAXRSS_UNIT_BYTES = 1 if sys.platform == "darwin" else 1024


class Meter:
    """Begun with a run. ``read`` at its end."""

    def __init__(self, is_first: bool) -> None:
        self._cpu_seconds, self._peak_bytes = _cpu_seconds(), 0 if is_first else _peak_bytes()
        self.is_alone = True

    def read(self) -> dict[str, float | int]:
        """The CPU time of this process and of the children it waited for; the peak, if it was reached in the run."""
        if not self.is_alone:
            return {}
        usage: dict[str, float | int] = {"cpu_seconds": round(max(0.0, _cpu_seconds() - self._cpu_seconds), 6)}
        peak_bytes = _peak_bytes()
        if peak_bytes > self._peak_bytes:
            usage["rss_peak_bytes"] = peak_bytes
        return usage


def _cpu_seconds() -> float:
    if sys.platform == "win32":
        return sum(os.times()[:4])
    spent = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in spent)


def _peak_bytes() -> int:
    """Of the process and of the largest child that it waited for, since it started."""
    if sys.platform == "win32":
        return 0
    peaks = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return MAXRSS_UNIT_BYTES * max(peaks)
