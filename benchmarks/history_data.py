"""Twenty series as a machine gives them: what the kernel counts, as coarse as it counts, rounded as vAIn stores it.

CPU time in ticks of 10 ms on four cores that follow the time of day, with jobs that come and go; memory in pages;
disks that are written in flushes every five seconds; a network that never rests; and one series that is all noise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

from vain.catalog import RATE_DIGITS, metric_of

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

DAY = 86_400
CORES = 4
NOISE = "disk.device.read_bytes_per_second:noise"
MEMORY_BYTES, DISK_BYTES = 16 << 30, 500 << 30
PAGE = 4_096


def days(count: int, end: int, seed: int = 7) -> Iterator[tuple[Integers, dict[str, Floats]]]:
    """One day after the other, up to ``end`` (Unix seconds): times in milliseconds, and the columns."""
    machine = _Machine(seed)
    for number in range(count, 0, -1):
        yield machine.day((end - number * DAY) * 1_000)


def rounded(name: str, values: Floats) -> Floats:
    """What ``vain.catalog.stored`` makes of each value; this takes them all at once."""
    metric = metric_of(name)
    if metric is None:
        return values
    if metric.decimals is not None:
        return np.round(values, metric.decimals) + 0.0
    size = np.floor(np.log10(np.maximum(np.abs(values), 1.0)))
    decimals = 0 if metric.unit == "bytes_per_second" else 1
    scale = 10.0 ** np.maximum(size - RATE_DIGITS + 1, -decimals)
    return np.rint(values / scale) * scale


class _Machine:
    """What goes on from one day to the next."""

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        self._memory_pages, self._disk_pages = 1_500_000.0, 30_000_000.0

    def day(self, begin_ms: int) -> tuple[Integers, dict[str, Floats]]:
        jitter = self._random.choice(4, DAY, p=[0.55, 0.35, 0.08, 0.02])
        t = begin_ms + np.arange(DAY, dtype=np.int64) * 1_000 + jitter
        period = 1 + np.diff(jitter, prepend=jitter[0]) / 1_000
        activity = self._activity()
        columns = {
            **self._cpu(activity),
            **self._memory(activity),
            **self._disk(activity, period),
            **self._network(activity, period),
            NOISE: np.exp(self._random.normal(11, 1.5, DAY)) / period,
        }
        return t, {name: rounded(name, values) for name, values in columns.items()}

    def _activity(self) -> Floats:
        """0 to 1: the time of day, unrest of minutes, and some two hundred jobs."""
        day = 0.10 + 0.08 * np.sin(2 * np.pi * (np.arange(DAY) / DAY - 0.3))
        unrest = np.abs(self._smooth(self._random.normal(0, 1, DAY), 120)) * 0.4
        jobs = np.zeros(DAY)
        for _ in range(self._random.poisson(200)):
            begin, length = self._random.integers(DAY), int(self._random.exponential(45)) + 2
            jobs[begin : begin + length] += self._random.uniform(0.1, 0.9)
        return np.clip(day + unrest + jobs, 0.01, 1.0)

    def _cpu(self, activity: Floats) -> dict[str, Floats]:
        share = np.clip(activity[:, None] * np.array([1.2, 1.0, 0.9, 0.8]), 0, 1)
        busy, ticks = (
            self._random.binomial(100, share),
            self._random.choice([99, 100, 101], (DAY, CORES), p=[0.1, 0.8, 0.1]),
        )
        all_busy, all_ticks = busy.sum(1), ticks.sum(1)
        user = self._random.binomial(all_busy, 0.7)
        waiting = self._random.binomial(400, np.where(self._random.random(DAY) < 0.1, activity * 0.05, 0.001))
        running = activity[::5] * CORES + self._random.binomial(3, 0.2, DAY // 5)
        columns = {
            "cpu.percent": all_busy / all_ticks * 100,
            "cpu.user_percent": user / all_ticks * 100,
            "cpu.system_percent": (all_busy - user) / all_ticks * 100,
            "cpu.iowait_percent": waiting / all_ticks * 100,
            "load.1m": np.repeat(self._smooth(running, 12), 5),
            "pressure.cpu_percent": np.repeat(self._smooth(np.maximum(activity[::2] - 0.6, 0) * 40, 5), 2),
        }
        cores = {f"cpu.core.percent:{core}": busy[:, core] / ticks[:, core] * 100 for core in range(CORES)}
        return {name: np.minimum(column, 100) for name, column in (columns | cores).items()}

    def _memory(self, activity: Floats) -> dict[str, Floats]:
        moved = np.where(self._random.random(DAY) < 0.6, np.rint(self._random.normal(0, 60, DAY)), 0)
        pages = self._memory_pages + np.cumsum(moved) + np.rint(self._smooth(activity, 20) * 400_000)
        self._memory_pages = 1_500_000 + 0.5 * float(np.sum(moved))
        used = np.clip(pages, 100_000, MEMORY_BYTES / PAGE) * PAGE
        swapped = np.full(DAY, 1.6) + np.repeat(self._random.integers(0, 3, DAY // 7_200), 7_200) / 10
        return {"memory.used_bytes": used, "memory.percent": used / MEMORY_BYTES * 100, "swap.percent": swapped}

    def _disk(self, activity: Floats, period: Floats) -> dict[str, Floats]:
        flushed = np.where(np.arange(DAY) % 5 == 0, np.exp(self._random.normal(4, 1, DAY)), 0)
        single = np.where(self._random.random(DAY) < 0.3, self._random.geometric(0.3, DAY), 0)
        written = np.rint(flushed * (0.3 + activity) + single)
        read = np.where(self._random.random(DAY) < 0.03 + activity * 0.2, self._random.geometric(0.02, DAY), 0)
        used = (self._disk_pages + np.cumsum(np.rint(written * self._random.uniform(0, 0.1)))) * PAGE
        self._disk_pages = float(used[-1]) / PAGE
        return {
            "disk.read_bytes_per_second": read * PAGE / period,
            "disk.written_bytes_per_second": written * PAGE / period,
            "disk.used_bytes:/": used,
            "disk.percent:/": used / DISK_BYTES * 100,
        }

    def _network(self, activity: Floats, period: Floats) -> dict[str, Floats]:
        packets = self._random.poisson(3 + activity * 40)
        received = packets * 66 + self._random.binomial(packets, 0.4) * 1_400 + self._random.integers(0, 60, DAY)
        sent = packets * 60 + self._random.binomial(packets, 0.15) * 700 + self._random.integers(0, 60, DAY)
        return {
            "network.received_bytes_per_second": received / period,
            "network.sent_bytes_per_second": sent / period,
        }

    def _smooth(self, values: Floats, steps: int) -> Floats:
        """As the kernel's damped means: older values count less and less."""
        weights = np.exp(-np.arange(steps * 5) / steps)
        smoothed: Floats = np.convolve(values, weights / weights.sum())[: len(values)]
        return smoothed


def names() -> list[str]:
    """The series, in the order of the columns."""
    return list(next(days(1, DAY))[1])


def rows(t: Integers, columns: Mapping[str, Floats]) -> Iterator[tuple[float, ...]]:
    """The same as rows, for databases that take rows."""
    return zip(t.tolist(), *(column.tolist() for column in columns.values()), strict=True)
