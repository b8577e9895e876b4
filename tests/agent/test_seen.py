"""From the monitor to the spool: what the clocks say of the time in between, and what is not to be lost."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent.machine import batches, opened
from tests.fleet.reports import T0
from vain.agent.seen import Seen
from vain.agent.spool import AgentSpool
from vain.busiest import Process
from vain.clock import utc
from vain.codec import decode
from vain.hosts import Gone, HostSample
from vain.quality import Cause, Span
from vain.sampler.clocks import Clocks
from vain.samples import Sample

SENT = "network.sent_bytes_per_second"


class Machine:
    """Clocks that do what the test says, and what was seen by them."""

    def __init__(self, spool: AgentSpool) -> None:
        self.wall, self.awake, self.asleep = T0, 100.0, 0.0
        clocks = Clocks(lambda: self.wall, lambda: self.awake, lambda: self.awake + self.asleep, lambda: 0.0)
        self.spool, self.woken = spool, 0
        self.seen = Seen(spool, 1.0, self._wake, clocks)

    def passes(self, seconds: float = 1.0, asleep: float = 0.0, set_by: float = 0.0) -> None:
        self.awake += seconds
        self.asleep += asleep
        self.wall += seconds + asleep + set_by

    def looks(self, missing: dict[str, Cause] | None = None) -> Sample:
        sample = Sample(50.0, None, None, None, utc(self.wall), "here", missing=missing or {})
        self.seen.take(sample, {}, None)
        return sample

    def kept(self) -> list[HostSample]:
        return [decode(HostSample, sample) for batch in batches(self.spool) for sample in batch.samples]

    def _wake(self) -> None:
        self.woken += 1


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    with opened(tmp_path / "a") as spool:
        yield Machine(spool)


def refuse(*_: object) -> None:
    raise OSError(28, "No space left on device")


def test_a_sample_is_kept_as_it_was_seen(machine: Machine) -> None:
    sample = Sample(50.0, 40.0, None, 7.0, utc(T0), "here", missing={"disk.percent": "unreachable"})
    used = {7: {"task.cpu_percent": 12.5, "task.threads": None}}
    processes = [Process(42, "python", 7, 12.5, 1 << 30, None)]
    machine.seen.take(sample, used, processes)
    [kept] = machine.kept()
    assert (kept.sample, kept.used, kept.processes) == (sample, used, processes)
    assert (machine.seen.latest, machine.woken, machine.seen.dropped) == (sample, 1, 0)
    machine.passes()
    machine.seen.take(sample, {}, [])
    assert machine.kept()[1].processes == [], "looked at, and nobody was busy"
    machine.seen.take(sample, {}, None)
    assert machine.kept()[2].processes is None


def test_only_the_first_of_a_run_is_the_first(tmp_path: Path) -> None:
    for _ in range(2):
        with opened(tmp_path) as spool:
            machine = Machine(spool)
            for _ in range(3):
                machine.looks()
                machine.passes()
    with opened(tmp_path) as spool:
        firsts = [decode(HostSample, sample).is_first for batch in batches(spool) for sample in batch.samples]
    assert firsts == [True, False, False] * 2


@pytest.mark.parametrize(
    ("jump", "span"),
    [
        ({"seconds": 1.0, "asleep": 300.0}, Span("asleep", T0 + 1, T0 + 302)),
        ({"seconds": 1.0, "set_by": 7_200.0}, Span("clock-set", T0 + 1, T0 + 7_202)),
        ({"seconds": 1.0, "set_by": -1_800.0}, Span("clock-set", T0 - 1_798, T0 + 1)),
        ({"seconds": 1.0, "set_by": 1e6}, Span("clock-set", T0 + 1e6 + 2, T0 + 1e6 + 2)),
        ({"seconds": 20.0}, Span("late", T0 + 1, T0 + 21)),
    ],
)
def test_a_jump_is_told_with_its_cause_by_the_sample_behind_it(
    machine: Machine, jump: dict[str, float], span: Span
) -> None:
    machine.looks()
    machine.passes()
    machine.looks()
    machine.passes(**jump)
    machine.looks()
    machine.passes()
    machine.looks()
    assert [kept.spans for kept in machine.kept()] == [[], [], [span], []]


def test_a_series_that_is_missing_is_told_when_it_begins_each_minute_and_when_it_ends(machine: Machine) -> None:
    for second in range(70):
        machine.looks({SENT: "unread"} if 2 <= second < 65 else {})
        machine.passes()
    told = {number: kept.spans for number, kept in enumerate(machine.kept()) if kept.spans}
    assert told == {
        2: [Span("unread", T0 + 2, T0 + 2, SENT)],
        62: [Span("unread", T0 + 2, T0 + 62, SENT)],
        65: [Span("unread", T0 + 2, T0 + 64, SENT)],
    }


def test_a_disk_that_takes_nothing_costs_samples_but_not_what_the_clocks_said(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as patch, caplog.at_level(logging.ERROR):
        patch.setattr(machine.spool, "add", refuse)
        machine.looks()
        machine.passes(1.0, asleep=300.0)
        latest = machine.looks({SENT: "first"})
        machine.passes()
    assert (machine.seen.dropped, machine.seen.latest, machine.woken) == (2, latest, 2)
    assert [record.getMessage() for record in caplog.records] == [
        "A sample could not be written: [Errno 28] No space left on device"
    ], "it is said once"
    machine.looks({SENT: "first"})
    machine.passes()
    machine.looks({SENT: "first"})
    first, second = machine.kept()
    assert (first.is_first, second.is_first) == (True, False)
    assert first.spans == [Span("asleep", T0, T0 + 301), Span("first", T0 + 301, T0 + 301, SENT)]
    assert second.spans == []


def test_a_disk_that_takes_nothing_for_long_fills_no_memory(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(machine.spool, "add", refuse)
        for _ in range(1_000):
            machine.looks()
            machine.passes(10.0)
    machine.looks()
    [kept] = machine.kept()
    assert len(kept.spans) == 301 and kept.spans[-1].end == T0 + 10_000


def test_processes_that_are_gone_are_told_until_somebody_hears_it(machine: Machine) -> None:
    machine.seen.gone(7, 1, "run", 0)
    machine.seen.gone(8, 2, "attached", None)
    taken = machine.seen.take_gone()
    assert taken == [Gone(7, 1, "run", 0), Gone(8, 2, "attached", None)]
    assert machine.seen.take_gone() == []
    machine.seen.gone(9, 1, "run", 3)
    machine.seen.give_back_gone(taken)
    assert [gone.task_id for gone in machine.seen.take_gone()] == [7, 8, 9]


def test_of_too_many_that_are_gone_the_newest_are_told(machine: Machine) -> None:
    for number in range(1_200):
        machine.seen.gone(number, 1, "run", None)
    gone = machine.seen.take_gone()
    assert [each.task_id for each in gone] == list(range(200, 1_200))
