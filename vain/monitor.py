"""The heartbeat: one thread that samples on absolute deadlines."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from threading import Event, Thread
from typing import Protocol

from msgspec.structs import replace

from vain.busiest import Process
from vain.clock import Clock
from vain.samples import Sample
from vain.types import TaskCounts

LONGEST_STOP_SECONDS = 5.0

Used = Mapping[int, Mapping[str, float | None]]
"""What each task used, by its number and the metric."""

logger = logging.getLogger(__name__)


class Reader(Protocol):
    """What the monitor needs of ``vain.sampler.Sampler``."""

    def read(self, tasks: TaskCounts) -> Sample: ...


class Recording(Protocol):
    """What the monitor needs of ``vain.recorder.Recorder``."""

    @property
    def dropped(self) -> int: ...

    def take(self, sample: Sample, tasks: Used, processes: Sequence[Process] | None) -> None: ...


class Watching(Protocol):
    """What the monitor needs of ``vain.watch.Watch``."""

    def look(self, sample: Sample) -> tuple[Sample, Used]: ...

    def busiest(self) -> Sequence[Process] | None: ...


class WatchesNothing:
    """Belongs to a monitor without tasks."""

    def look(self, sample: Sample) -> tuple[Sample, Used]:
        """See ``Watching``."""
        return sample, {}

    def busiest(self) -> Sequence[Process] | None:
        """See ``Watching``."""
        return None


class Monitor:
    """Samples once in ``period_seconds``, from the call of ``start`` to that of ``stop``.

    ``watch``, ``recorder``, ``counts`` and ``on_sample`` are called in the monitor's own thread and must return soon;
    an error in them, or in the sampler, is logged and costs one tick. A tick that is not done at its deadline is not
    made up for: those that it covered are left out and counted in ``Sample.own.late_ticks``, so that an overloaded
    machine is not loaded more.
    """

    def __init__(
        self,
        sampler: Reader,
        recorder: Recording,
        period_seconds: float,
        counts: Callable[[], TaskCounts],
        on_sample: Callable[[Sample], None],
        monotonic: Clock = time.monotonic,
        watch: Watching | None = None,
    ) -> None:
        self.latest: Sample | None = None
        """The newest sample; None before the first."""
        self.looked_at: float | None = None
        """When the newest sample was taken, by ``monotonic``; None before the first."""
        self.busiest: Sequence[Process] | None = None
        """The processes of the newest look at all of them; None before the first."""
        self.late_ticks = 0
        self._sampler = sampler
        self._recorder = recorder
        self.period_seconds = period_seconds
        self._counts = counts
        self._on_sample = on_sample
        self._monotonic = monotonic
        self._watch = watch or WatchesNothing()
        self._stopping = Event()
        self._has_sample = Event()
        self._thread: Thread | None = None

    def start(self) -> None:
        """Take the first sample at once, in the new thread. Does nothing if the monitor runs."""
        if self._thread is None:
            # Its own event: a thread that outlived its stop must not be woken to new life by the next start.
            self._stopping = Event()
            self._thread = Thread(target=self._run, args=(self._stopping,), name="monitor", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Wait for the tick that is under way, at most ``LONGEST_STOP_SECONDS``. Calling it again does nothing."""
        thread, self._thread = self._thread, None
        self._stopping.set()
        if thread is not None:
            thread.join(LONGEST_STOP_SECONDS)

    def wait_for_first(self, seconds: float) -> bool:
        """Whether there is a sample, waiting for the first for so long at most."""
        return self._has_sample.wait(seconds)

    def _run(self, stopping: Event) -> None:
        deadline = self._monotonic()
        while not stopping.is_set():
            self._tick_and_log()
            deadline = self._next_deadline(deadline)
            stopping.wait(deadline - self._monotonic())

    def _tick_and_log(self) -> None:
        try:
            self._tick()
        except Exception:
            logger.exception("a tick of the monitor failed")

    def _tick(self) -> None:
        sample, used = self._watch.look(self._sampler.read(self._counts()))
        dropped = self._recorder.dropped
        if self.late_ticks or dropped:
            sample = replace(sample, own=replace(sample.own, late_ticks=self.late_ticks, dropped_samples=dropped))
        processes = self._watch.busiest()
        self._recorder.take(sample, used, processes)
        if processes is not None:
            self.busiest = processes
        self.latest, self.looked_at = sample, self._monotonic()
        self._has_sample.set()
        self._on_sample(sample)

    def _next_deadline(self, deadline: float) -> float:
        """The first multiple of the period after ``deadline`` that is still to come; those passed over are counted.

        Deadlines are absolute, so that what a tick costs does not add up to a drift.
        """
        missed = max(0, int((self._monotonic() - deadline) // self.period_seconds))
        self.late_ticks += missed
        return deadline + (missed + 1) * self.period_seconds
