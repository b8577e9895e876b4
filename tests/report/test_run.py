"""A run on its own: what it keeps for the server, and what it says to the environment of children."""

from __future__ import annotations

import os
import threading

import pytest

from vain.report import run as runs
from vain.report.run import Run, Tail, enclosing, encoded, enter, entered, innermost, leave
from vain.report.surroundings import Surroundings


def a_run(name: str = "x", parent: Run | None = None, **fields: object) -> Run:
    return Run({"name": name, **fields}, parent, None, lambda _: None, lambda _: {})


@pytest.fixture(autouse=True)
def outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VAIN_RUN_ID", raising=False)
    monkeypatch.delenv("VAIN_TASK_ID", raising=False)


def test_the_latest_wins_and_what_was_sent_goes() -> None:
    run = a_run()
    run.update(1, total=9, message="one")
    patch, _ = run.unsent()
    run.update(2)
    run.sent(patch)
    assert run.unsent()[0] == {"current": 2} and run.is_dirty
    run.sent(run.unsent()[0])
    assert not run.is_dirty


def test_the_server_is_told_of_the_first_change_alone() -> None:
    told: list[Run] = []
    run = Run({"name": "x"}, None, None, told.append, lambda _: {})
    for current in range(100):
        run.update(current)
    run.write(b"out")
    assert told == [run]


def test_a_run_ends_once() -> None:
    run = a_run()
    run.end("failed", exit_code=3, error={"type": "E"}, message="m")
    run.end("succeeded")
    run.update(5)
    run.write(b"late")
    error = {"type": "E", "message": "", "traceback": None}
    assert run.unsent()[0] == {
        "exit_code": 3, "error": error, "message": "m", "status": "completed", "outcome": "failed",
    }  # fmt: skip
    assert not run.log.is_unsent


def test_an_outcome_that_there_is_not_is_a_failure() -> None:
    run = a_run()
    run.end("great")
    assert run.unsent()[0]["outcome"] == "failed"


def test_a_count_beyond_its_total_moves_the_total() -> None:
    run = a_run(total=3)
    run.update(5)
    assert run.unsent()[0] == {"current": 5, "total": 5}
    run.update(6, total=10)
    run.update(4)
    assert run.unsent()[0] == {"current": 4, "total": 10}


def test_a_loop_is_asked_for_its_count() -> None:
    run, counts = a_run(), [0, 7, 7, 9]
    run.count = lambda: counts.pop(0)
    for expected in ({}, {"current": 7}, {"current": 7}):
        run.pull()
        assert run.unsent()[0] == expected
    run.end()
    assert run.unsent()[0]["current"] == 9


def test_a_number_can_be_waited_for() -> None:
    run = a_run()
    assert run.wait_for_id(0.0) is None and run.environment() == {"VAIN_RUN_ID": run.run_id, "VAIN_TASK_ID": ""}
    threading.Timer(0.02, run.identify, [7]).start()
    assert run.wait_for_id(5) == 7 and run.environment()["VAIN_TASK_ID"] == "7"


def test_of_a_log_the_end_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "LARGEST_LOG_BYTES", 10)
    tail = Tail()
    for number in range(10):
        tail.add(str(number).encode() * 4)
    assert tail.since(0) == (30, b"7788889999"[-10:])
    assert tail.since(38) == (38, b"99") and tail.since(40) == (40, b"")


def test_the_innermost_open_run_is_the_one_that_the_caller_is_in() -> None:
    outer = a_run("outer")
    with entered(outer):
        inner = a_run("inner", outer)
        enter(inner)
        assert innermost() is inner
        inner.end()
        assert innermost() is outer and enclosing() is outer
        leave(inner)
        outer.forget()
        assert innermost() is None and enclosing() is outer
    assert innermost() is None


def shown() -> str | None:
    return os.environ.get("VAIN_RUN_ID")


def test_the_environment_names_the_innermost_of_runs_in_each_other() -> None:
    surroundings, outer = Surroundings(), a_run("outer")
    inner = a_run("inner", outer)
    for run in (outer, inner):
        surroundings.begun(run)
        assert shown() == run.run_id
    surroundings.ended(inner)
    assert shown() == outer.run_id
    surroundings.ended(outer)
    assert shown() is None


def test_the_environment_names_what_runs_side_by_side_lie_in() -> None:
    surroundings, outer = Surroundings(), a_run("outer")
    one, other = a_run("one", outer), a_run("other", outer)
    deep = a_run("deep", one)
    for run, expected in ((outer, outer), (one, one), (other, outer), (deep, outer)):
        surroundings.begun(run)
        assert shown() == expected.run_id
    surroundings.ended(other)
    assert shown() == deep.run_id
    surroundings.begun(stranger := a_run("stranger"))
    assert shown() is None
    surroundings.ended(stranger)
    assert shown() == deep.run_id
    for run in (outer, deep, one):
        surroundings.ended(run)
    assert shown() is None


def test_json_has_one_form() -> None:
    assert encoded({"b": 1, "a": "é"}) == b'{"b":1,"a":"\\u00e9"}'
