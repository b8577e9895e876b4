"""From the monitor's samples to the spool, with what the clocks say of the time in between."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from threading import Lock

from vain.agent.spool import AgentSpool
from vain.busiest import Process
from vain.clock import unix
from vain.codec import encode
from vain.hosts import Gone, HostSample
from vain.quality import MissingSeries, Moment, Span, between
from vain.sampler.clocks import Clocks
from vain.samples import Sample

MOST_UNTOLD = 300

logger = logging.getLogger(__name__)


class Seen:
    """What ``vain.monitor.Monitor`` calls its recording. ``wake`` is called after each sample."""

    def __init__(
        self, spool: AgentSpool, period_seconds: float, wake: Callable[[], None], clocks: Clocks | None = None
    ) -> None:
        self.dropped = 0
        """Samples that the disk did not take."""
        self.latest: Sample | None = None
        self._spool, self._period_seconds, self._wake = spool, period_seconds, wake
        self._clocks = clocks or Clocks()
        self._missing = MissingSeries()
        self._before: Moment | None = None
        self._is_first = True
        self._untold: list[Span] = []
        """Of samples that the disk did not take."""
        self._gone: list[Gone] = []
        self._lock = Lock()

    def take(
        self, sample: Sample, tasks: Mapping[int, Mapping[str, float | None]], processes: Sequence[Process] | None
    ) -> None:
        """One sample, just taken; what each task used; the busiest processes, if they were looked at."""
        t = unix(sample.timestamp)
        moment = Moment(t, self._clocks.monotonic(), self._clocks.since_boot())
        spans = [*self._untold, *self._since(moment), *self._missing.note(t, sample.missing)]
        self._before = moment
        used = {task_id: dict(values) for task_id, values in tasks.items()}
        seen = HostSample(sample, spans, used, None if processes is None else list(processes), self._is_first)
        self.latest = sample
        try:
            self._spool.add(encode(seen), t)
            self._is_first, self._untold = False, []
        except OSError as error:
            self._untold = spans[-MOST_UNTOLD:]
            self.dropped += 1
            if self.dropped == 1:
                logger.error("A sample could not be written: %s", error)
        self._wake()

    def gone(self, task_id: int, attempt: int, kind: str, exit_code: int | None) -> None:
        """The process of a task is not there any more."""
        with self._lock:
            self._gone = [*self._gone, Gone(task_id, attempt, kind, exit_code)][-1_000:]

    def take_gone(self) -> list[Gone]:
        """Those that were not told yet."""
        with self._lock:
            gone, self._gone = self._gone, []
            return gone

    def give_back_gone(self, gone: Sequence[Gone]) -> None:
        """They could not be told."""
        with self._lock:
            self._gone = [*gone, *self._gone][-1_000:]

    def _since(self, moment: Moment) -> list[Span]:
        return [] if self._before is None else between(self._before, moment, self._period_seconds)
