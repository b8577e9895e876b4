"""From samples to the history: what the clocks tell is stored with them, and a restart goes on from the last run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vain.bands import MetricQuery
from vain.clock import utc
from vain.history import History
from vain.quality import Cause, Span
from vain.recorder import Recorder
from vain.sampler.clocks import Clocks
from vain.samples import Cpu, Disk, Network, Sample
from vain.store.metrics.store import MetricStore

T0 = 1_790_000_000.0
SENT = "network.sent_bytes_per_second"


class Machine:
    """A machine whose clocks do what the test says."""

    def __init__(self) -> None:
        self.wall, self.awake, self.asleep = T0, 100.0, 0.0

    @property
    def clocks(self) -> Clocks:
        return Clocks(lambda: self.wall, lambda: self.awake, lambda: self.awake + self.asleep, lambda: 0.0)

    def passes(self, seconds: float, asleep: float = 0.0, set_by: float = 0.0) -> None:
        self.awake += seconds
        self.asleep += asleep
        self.wall += seconds + asleep + set_by

    def sample(self, percent: float = 50.0, missing: dict[str, Cause] | None = None) -> Sample:
        cpu, missing = Cpu(percent=percent), missing or {}
        network = Network(sent_bytes_per_second=None if SENT in missing else 1_000.0)
        return Sample(percent, None, None, None, utc(self.wall), "here", cpu=cpu, network=network, missing=missing)


class Run:
    """A recorder over a folder, one sample a second."""

    def __init__(self, folder: Path, machine: Machine) -> None:
        self.machine = machine
        self.store = MetricStore(folder, now=lambda: machine.wall)
        self.recorder = Recorder(self.store, History(), 1.0, machine.clocks)

    def takes(self, count: int, missing: dict[str, Cause] | None = None) -> None:
        for _ in range(count):
            self.recorder.take(self.machine.sample(missing=missing))
            self.machine.passes(1.0)

    def spans(self) -> list[Span]:
        self.store.flush()
        return list(self.store.window(MetricQuery(T0 - 10_000, T0 + 10_000, ("cpu.percent", SENT))).spans)


@pytest.fixture
def machine() -> Machine:
    return Machine()


def test_what_was_taken_is_in_the_last_hour_and_in_the_store(tmp_path: Path, machine: Machine) -> None:
    run = Run(tmp_path, machine)
    run.takes(5)
    window = run.store.window(MetricQuery(T0, T0 + 10))
    assert list(run.recorder.history.since(0).t) == window.t.tolist() == [T0 + n for n in range(5)]
    assert window.series["cpu.percent"].mean.tolist() == [50.0] * 5
    run.recorder.close()


@pytest.mark.parametrize(
    ("jump", "span"),
    [
        ({"seconds": 1.0, "asleep": 300.0}, Span("asleep", T0 + 2, T0 + 303)),
        ({"seconds": 1.0, "set_by": 7_200.0}, Span("clock-set", T0 + 2, T0 + 7_203)),
        ({"seconds": 1.0, "set_by": -1_800.0}, Span("clock-set", T0 - 1_797, T0 + 2)),
        ({"seconds": 20.0}, Span("late", T0 + 2, T0 + 22)),
    ],
)
def test_a_jump_is_told_with_its_cause(tmp_path: Path, machine: Machine, jump: dict[str, float], span: Span) -> None:
    run = Run(tmp_path, machine)
    run.takes(2)
    run.recorder.take(machine.sample())
    machine.passes(**jump)
    run.takes(3)
    assert run.spans() == [span]
    run.recorder.close()


def test_the_time_between_two_runs_is_told(tmp_path: Path, machine: Machine) -> None:
    first = Run(tmp_path, machine)
    first.takes(3)
    first.recorder.close()
    machine.passes(600.0)
    second = Run(tmp_path, machine)
    second.takes(3)
    assert second.spans() == [Span("stopped", T0 + 2, T0 + 603)]
    second.recorder.close()


def test_samples_that_were_imported_for_later_are_no_last_run(tmp_path: Path, machine: Machine) -> None:
    first = Run(tmp_path, machine)
    first.takes(3)
    first.store.import_rows(np.array([int(T0 + 20_000) * 1_000]), {"custom.future": np.array([1.0])})
    first.recorder.close()
    machine.passes(600.0)
    second = Run(tmp_path, machine)
    second.takes(3)
    assert second.spans() == [Span("stopped", T0 + 2, T0 + 603)]
    second.recorder.close()


def test_the_last_hour_is_remembered_after_a_restart(tmp_path: Path, machine: Machine) -> None:
    first = Run(tmp_path, machine)
    first.takes(30, {"disk.percent:/mnt": "unreachable"})
    first.recorder.close()
    machine.passes(10.0)
    second = Run(tmp_path, machine)
    columns = second.recorder.history.since(0, ["cpu.percent"])
    second.recorder.close()
    assert list(columns.t) == [T0 + n for n in range(30)] and list(columns.values["cpu.percent"]) == [50.0] * 30


def test_what_a_wrong_clock_took_far_ahead_is_not_the_last_hour(tmp_path: Path, machine: Machine) -> None:
    first = Run(tmp_path, machine)
    first.takes(5)
    machine.passes(1.0, set_by=70 * 365 * 86_400.0)
    first.takes(1)
    machine.passes(1.0, set_by=-70 * 365 * 86_400.0)
    first.takes(5)
    first.recorder.close()
    second = Run(tmp_path, machine)
    columns = second.recorder.history.since(0, ["cpu.percent"])
    second.recorder.close()
    assert len(columns.t) == 10 and max(columns.t) < T0 + 100


def test_why_a_value_is_missing_is_stored_from_its_first_to_its_last_time(tmp_path: Path, machine: Machine) -> None:
    run = Run(tmp_path, machine)
    run.takes(1, {SENT: "first"})
    run.takes(10)
    run.takes(4, {SENT: "reset"})
    run.takes(2)
    assert run.spans() == [Span("first", T0, T0, SENT), Span("reset", T0 + 11, T0 + 14, SENT)]
    run.recorder.close()


def test_what_is_missing_at_the_end_is_stored_to_the_end(tmp_path: Path, machine: Machine) -> None:
    run = Run(tmp_path, machine)
    run.takes(2)
    run.takes(30, {SENT: "unread"})
    run.recorder.close()
    again = Run(tmp_path, machine)
    assert again.spans()[0] == Span("unread", T0 + 2, T0 + 31, SENT)
    again.recorder.close()


def test_a_new_series_is_stored_with_its_labels(tmp_path: Path, machine: Machine) -> None:
    run = Run(tmp_path, machine)
    disk = Disk("/mnt", "/dev/sdb1", "ext4", percent=12.0)
    run.recorder.take(Sample(1.0, None, None, None, utc(machine.wall), "here", disks=[disk]))
    run.store.flush()
    assert run.store.labels()["disk.percent:/mnt"] == '{"mount":"/mnt","device":"/dev/sdb1","filesystem":"ext4"}'
    run.recorder.close()
