"""How busy the cores were since the last look, from the counters themselves.

Not by ``psutil.cpu_percent``: its first answer is a 0 that means "unknown", and it remembers the last look for each
thread, so that it is wrong wherever another thread asks.
"""

from __future__ import annotations

from vain.quality import Cause
from vain.sampler.machine import CpuTimes, Machine
from vain.sampler.percent import percent
from vain.samples import Cpu

LARGEST_STEP_BACK_SECONDS = 3.0
"""iowait counts backwards now and then, and other counters a little when a core comes online. More is a reset."""


class CpuReader:
    """Keeps the last times of all cores together and of each."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._total: CpuTimes | None = None
        self._cores: dict[int, CpuTimes] = {}
        self._core_count = 0
        self._physical: int | None = None
        self._cause: Cause | None = None
        self.core_causes: dict[int, Cause] = {}
        """Why the share of a core is unknown since the last look, by its number; a core that is offline has none."""

    def read(self, compares: bool) -> Cpu:
        """``compares`` is False when the last look must not be compared with; the shares are unknown then."""
        self._cause = None
        if self.core_causes:
            self.core_causes = {}
        now, load = self._machine.cpu(), self._machine.load() or (None, None, None)
        if now is None:
            return Cpu(load_1m=load[0], load_5m=load[1], load_15m=load[2])
        before = self._total if compares else None
        used = self._used(before, now.total)
        if used is None:
            self._cause = _why_unknown(before)
        whole = _busy(used) + _idle(used) if used else None
        cores = self._core_percents(dict(now.cores), compares)
        self._total, self._cores = now.total, dict(now.cores)
        return Cpu(
            percent=percent(_busy(used), whole) if used else None,
            user_percent=percent(used.user, whole) if used else None,
            system_percent=percent(used.system, whole) if used else None,
            iowait_percent=percent(used.iowait, whole) if used else None,
            steal_percent=percent(used.steal, whole) if used else None,
            core_percent=cores,
            cores_logical=len(now.cores) or None,
            cores_physical=self._physical,
            load_1m=load[0],
            load_5m=load[1],
            load_15m=load[2],
        )

    def cause(self, counter: str) -> Cause | None:
        """Why the share of a counter (a field of ``CpuTimes``) is unknown since the last look.

        None if it is known, if the counters could not be read, and for what this system does not count.
        """
        counted = self._total is not None and getattr(self._total, counter) is not None
        return self._cause if counted else None

    def _core_percents(self, now: dict[int, CpuTimes], compares: bool) -> list[float | None]:
        """One for each core up to the highest number; None for one that is offline or was not there before."""
        if len(now) != self._core_count:
            # A system that does not number its cores shifts them when one goes offline: compare none of them then.
            self._core_count, self._cores = len(now), {}
            self._physical = self._machine.physical_cores()  # Costs a walk through sysfs, so only now.
        if not compares:
            self._cores = {}
        return [self._core_percent(core, now.get(core)) for core in range(max(now, default=-1) + 1)]

    def _core_percent(self, core: int, now: CpuTimes | None) -> float | None:
        if now is None:
            return None
        before = self._cores.get(core)
        used = self._used(before, now)
        if used is None:
            self.core_causes[core] = _why_unknown(before)
            return None
        return percent(_busy(used), _busy(used) + _idle(used))

    def _used(self, before: CpuTimes | None, now: CpuTimes) -> CpuTimes | None:
        """What each counter rose by, in ticks; None if there is nothing to compare with."""
        if before is None:
            return None
        limit = -LARGEST_STEP_BACK_SECONDS * self._machine.ticks_per_second
        user, system, idle = now.user - before.user, now.system - before.system, now.idle - before.idle
        iowait, steal = _rise(before.iowait, now.iowait), _rise(before.steal, now.steal)
        if min(user, system, idle, iowait or 0.0, steal or 0.0) < limit:
            return None
        return CpuTimes(max(user, 0.0), max(system, 0.0), max(idle, 0.0), _not_below_0(iowait), _not_below_0(steal))


def _why_unknown(before: CpuTimes | None) -> Cause:
    return "first" if before is None else "reset"


def _busy(used: CpuTimes) -> float:
    return used.user + used.system + (used.steal or 0.0)


def _idle(used: CpuTimes) -> float:
    return used.idle + (used.iowait or 0.0)


def _rise(before: float | None, now: float | None) -> float | None:
    return None if before is None or now is None else now - before


def _not_below_0(ticks: float | None) -> float | None:
    return None if ticks is None else max(ticks, 0.0)
