"""From counters to rates: each device by itself, then the sum of the rates.

Never the rate of a sum: when a device vanishes, the sum falls. A counter that fell back was reset (a replugged disk, a
restarted driver) or has wrapped; which of the two cannot be known, so the rate is unknown, and psutil's ``nowrap``,
which takes every fall for a wrap, stays off.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set

from vain.quality import Cause
from vain.sampler.machine import Counters, Devices

Rates = tuple[float | None, ...]
"""Per second, one for each counter."""


class DeviceRates:
    """Keeps the last counters of each device. ``width`` is how many counters a device has."""

    def __init__(self, width: int) -> None:
        self._unknown: Rates = (None,) * width
        self._before: Mapping[str, Counters] = {}
        self._summed: Set[str] = frozenset()
        self.causes: dict[str, Cause] = {}
        """Why the rates of a device are unknown since the last call of ``update``; empty if all are known."""

    def update(self, devices: Devices, seconds: float | None) -> tuple[dict[str, Rates], Rates]:
        """Rates by device since the last call, and their sum over the devices that count for it.

        ``seconds`` is the time since the last call; None if there was none that can be compared with: then nothing is
        known yet. A device that is new is unknown and not yet in the sum; one that was reset makes the sum unknown.
        """
        before, self._before, self._summed = self._before, devices.counters, devices.summed
        if self.causes:
            self.causes = {}
        if not seconds:
            self.causes = dict.fromkeys(devices.counters, "first")
            return dict.fromkeys(devices.counters, self._unknown), self._unknown
        rates = {name: self._rates(name, before.get(name), now, seconds) for name, now in devices.counters.items()}
        return rates, self._sum(rates[name] for name in devices.summed if name in rates and name in before)

    def sum_cause(self) -> Cause | None:
        """Why the sum is unknown, if it is; None also if there is nothing to sum up."""
        causes = {self.causes[name] for name in self._summed if name in self.causes}
        return "reset" if "reset" in causes else "first" if causes else None

    def _rates(self, name: str, before: Counters | None, now: Counters, seconds: float) -> Rates:
        if before is None:
            self.causes[name] = "first"
            return self._unknown
        deltas = [new - old for new, old in zip(now, before, strict=True)]
        if min(deltas) < 0:
            self.causes[name] = "reset"
            return self._unknown
        return tuple(round(delta / seconds, 1) for delta in deltas)

    def _sum(self, rates: Iterable[Rates]) -> Rates:
        columns = list(zip(*rates, strict=True))
        return tuple(_total(column) for column in columns) if columns else self._unknown


def _total(rates: Iterable[float | None]) -> float | None:
    total = 0.0
    for rate in rates:
        if rate is None:
            return None
        total += rate
    return round(total, 1)
