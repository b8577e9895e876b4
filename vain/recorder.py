"""From the monitor's samples to the history: what was seen, and what the clocks say of the time in between."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import isnan
from types import MappingProxyType

from vain.bands import MetricQuery
from vain.busiest import Process
from vain.clock import unix
from vain.errors import VainError
from vain.history import History
from vain.patterns import exactly
from vain.quality import MissingSeries, Moment, Span, between, since_last_run
from vain.sampler.clocks import Clocks
from vain.samples import Sample, labels, series
from vain.store.metrics.store import MetricStore

SERIES_AT_ONCE = 50
"""An hour of so many is read without being reduced."""

logger = logging.getLogger(__name__)


class Recorder:
    """Gives each sample to the last hour, in memory (``history``), and to the store, in the monitor's thread.

    Nothing here waits for the disk: what the store cannot take it counts as ``dropped``. Made before the first sample,
    it reads the last hour before the restart, so that live charts begin with it. ``more`` are series that are stored
    with each sample and that no chart follows.
    """

    def __init__(
        self,
        store: MetricStore,
        history: History,
        period_seconds: float,
        clocks: Clocks | None = None,
        more: Callable[[], list[tuple[str, float | None]]] = list,
    ) -> None:
        self.history = history
        self._store, self._period_seconds = store, period_seconds
        self._clocks = clocks or Clocks()
        self._more = more
        self._missing = MissingSeries()
        self._before: Moment | None = None
        now = self._clocks.wall()
        self._last_run_ended_at = store.last_run_ended_at(now)
        if self._last_run_ended_at is not None:
            # Not what a clock that was wrong took far ahead.
            remember(store, history, min(self._last_run_ended_at, now), period_seconds)

    @property
    def dropped(self) -> int:
        """How many samples could not be stored."""
        return self._store.dropped

    def take(
        self,
        sample: Sample,
        tasks: Mapping[int, Mapping[str, float | None]] = MappingProxyType({}),
        processes: Sequence[Process] | None = None,
    ) -> None:
        """One sample, just taken; what each task used, by its number and the metric; the busiest processes, if they
        were looked at."""
        t = unix(sample.timestamp)
        moment = Moment(t, self._clocks.monotonic(), self._clocks.since_boot())
        spans = [*self._since(moment), *self._missing.note(t, sample.missing)]
        self._before = moment
        row = list(series(sample))
        self.history.append(t, row)
        self._store.append(t, [*row, *self._more()], partial(labels, sample), spans, tasks, processes)

    def close(self) -> None:
        """Note what is missing to the end, and commit what waits."""
        if self._before is not None:
            self._store.note(self._missing.close())
        self._store.close()

    def _since(self, moment: Moment) -> list[Span]:
        if self._before is not None:
            return between(self._before, moment, self._period_seconds)
        if self._last_run_ended_at is None:
            return []
        return since_last_run(self._last_run_ended_at, moment.wall, self._period_seconds)


def remember(store: MetricStore, history: History, newest: float, period_seconds: float) -> None:
    """Fill a new history with what is stored of the time before ``newest`` (Unix seconds), as much as it holds."""
    names, after = store.names(), newest - history.capacity * period_seconds
    rows: dict[float, list[tuple[str, float]]] = {}
    for first in range(0, len(names), SERIES_AT_ONCE):
        query = MetricQuery(after, newest + 0.001, tuple(map(exactly, names[first : first + SERIES_AT_ONCE])))
        try:
            window = store.window(query)
        except VainError as error:
            logger.warning("The last hour could not be read: %s", error.detail)
            return
        if window.tier == "raw" and not window.is_reduced:
            for name, bands in window.series.items():
                for t, value in zip(window.t.tolist(), bands.mean.tolist(), strict=True):
                    rows.setdefault(t, []).append((name, value))
    for t in sorted(rows):
        if not all(isnan(value) for _, value in rows[t]):  # such a row marks a gap
            history.append(t, rows[t])
