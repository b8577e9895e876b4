from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from vain.clock import utc
from vain.history import History
from vain.monitor import Monitor
from vain.recorder import Recorder
from vain.sampler import Sampler
from vain.samples import Sample
from vain.store.metrics.store import MetricStore
from vain.types import TaskCounts


class Reader:
    """Numbers its samples; ``before_each`` may take time or fail."""

    def __init__(self, before_each: Callable[[int], None] = lambda number: None) -> None:
        self.count = 0
        self._before_each = before_each

    def read(self, tasks: TaskCounts) -> Sample:
        self.count += 1
        self._before_each(self.count)
        return Sample(float(self.count), None, None, None, utc(1_800_000_000.0 + self.count), "here", tasks=tasks)


class Seen:
    """Collects samples; waits for a number of them."""

    def __init__(self) -> None:
        self.samples: list[Sample] = []
        self._more = threading.Condition()

    def __call__(self, sample: Sample) -> None:
        with self._more:
            self.samples.append(sample)
            self._more.notify_all()

    def wait_for(self, count: int) -> list[Sample]:
        with self._more:
            assert self._more.wait_for(lambda: len(self.samples) >= count, 5)
            return self.samples[:count]


class Kept:
    """What the monitor gave to be recorded."""

    def __init__(self, dropped: int = 0) -> None:
        self.dropped = dropped
        self.samples: list[Sample] = []

    def take(self, sample: Sample, tasks: object, processes: object) -> None:
        self.samples.append(sample)


def watched(
    reader: Reader, count: int, period_seconds: float = 0.01, kept: Kept | None = None
) -> tuple[Monitor, list[Sample]]:
    """A monitor that ran until it had given ``count`` samples."""
    seen = Seen()
    monitor = Monitor(reader, kept or Kept(), period_seconds, lambda: TaskCounts(pending=4), seen)
    monitor.start()
    samples = seen.wait_for(count)
    monitor.stop()
    return monitor, samples


def test_first_sample_comes_at_once() -> None:
    began = time.monotonic()
    watched(Reader(), 1, period_seconds=3600)
    assert time.monotonic() - began < 2


def test_each_sample_is_recorded_and_goes_to_who_asked_with_the_counts_of_then() -> None:
    kept = Kept()
    monitor, samples = watched(Reader(), 3, kept=kept)
    assert [sample.cpu_usage for sample in samples] == [1.0, 2.0, 3.0]
    assert samples[0].tasks == TaskCounts(pending=4)
    assert kept.samples[:3] == samples
    assert monitor.latest is not None


def test_samples_that_could_not_be_stored_are_told() -> None:
    _, samples = watched(Reader(), 1, kept=Kept(dropped=7))
    assert samples[0].own.dropped_samples == 7


def test_error_in_a_tick_is_logged_and_the_next_tick_comes(caplog: pytest.LogCaptureFixture) -> None:
    def fail_first(number: int) -> None:
        if number == 1:
            raise OSError("broken")

    _, samples = watched(Reader(fail_first), 2)
    assert [sample.cpu_usage for sample in samples] == [2.0, 3.0]
    assert [(record.levelno, record.getMessage()) for record in caplog.records] == [
        (logging.ERROR, "a tick of the monitor failed")
    ]


def test_error_of_who_asked_does_not_end_the_monitor(caplog: pytest.LogCaptureFixture) -> None:
    reader, third = Reader(), threading.Event()

    def fail(sample: Sample) -> None:
        if sample.cpu_usage == 3.0:
            third.set()
        raise RuntimeError("a listener broke")

    kept = Kept()
    monitor = Monitor(reader, kept, 0.01, TaskCounts, fail)
    monitor.start()
    assert third.wait(5)
    monitor.stop()
    assert len(kept.samples) >= 3 and monitor.latest is not None


@pytest.mark.slow
def test_late_ticks_are_left_out_and_counted_not_made_up_for() -> None:
    def slow_first(number: int) -> None:
        if number == 1:
            time.sleep(0.15)

    began = time.monotonic()
    _, samples = watched(Reader(slow_first), 2, period_seconds=0.05)
    assert samples[1].own.late_ticks >= 2
    assert time.monotonic() - began >= 0.19


def test_deadlines_are_absolute_so_that_what_a_tick_costs_is_no_drift() -> None:
    now = [0.0]
    monitor = Monitor(Reader(), Kept(), 1.0, TaskCounts, lambda sample: None, monotonic=lambda: now[0])
    deadlines, deadline = [], 0.0
    for took in (0.4, 0.4, 2.5, 0.0, 1.0):
        now[0] = deadline + took
        deadline = monitor._next_deadline(deadline)
        deadlines.append(deadline)
    assert (deadlines, monitor.late_ticks) == ([1.0, 2.0, 5.0, 6.0, 8.0], 3)


def test_stop_ends_a_long_wait_at_once_and_may_be_repeated() -> None:
    monitor, _ = watched(Reader(), 1, period_seconds=3600)
    began = time.monotonic()
    monitor.stop()
    assert time.monotonic() - began < 1
    assert not any(thread.name == "monitor" for thread in threading.enumerate())


def test_monitor_that_was_stopped_can_be_started_again() -> None:
    reader, seen = Reader(), Seen()
    monitor = Monitor(reader, Kept(), 3600, TaskCounts, seen)
    for count in (1, 2):
        monitor.start()
        monitor.start()
        seen.wait_for(count)
        monitor.stop()
    assert reader.count == 2


def test_real_sampler_gives_a_history_of_this_machine(tmp_path: Path) -> None:
    seen, sampler = Seen(), Sampler()
    recorder = Recorder(MetricStore(tmp_path), History(), 0.05)
    monitor = Monitor(sampler, recorder, 0.05, TaskCounts, seen)
    monitor.start()
    seen.wait_for(3)
    monitor.stop()
    sampler.close()
    recorder.close()
    columns = recorder.history.since(0, ["memory.percent", "cpu.percent"])
    assert len(columns.t) >= 3 and all(value > 0 for value in columns.values["memory.percent"])
