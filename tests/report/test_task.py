"""``vain.task`` and what is built on it, in one process with a board that answers."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

import vain
from tests.report.board import Board
from vain.report import begin, flush


def outcomes(board: Board) -> dict[str, Any]:
    assert flush(5)
    return {task["name"]: task.get("outcome") for task in board.tasks.values()}


def test_a_block_is_a_task(here: Board) -> None:
    with vain.task("train", tags=["gpu"], priority="high", expect_next_in=60, metadata={"lr": 0.1}) as t:
        t.update(1, total=2, message="loss 0.1")
        t.advance()
    assert outcomes(here) == {"train": "succeeded"}
    task = here.named("train")
    assert (task["current"], task["total"], task["message"]) == (2, 2, "loss 0.1")
    assert (task["tags"], task["priority"], task["expect_next_in"]) == (["gpu"], "high", 60)
    assert task["metadata"] == {"lr": 0.1} and task["source"]["kind"] == "python" and t.task_id == task["task_id"]


@pytest.mark.parametrize(
    ("exc", "outcome", "exit_code"),
    [
        (ValueError("no"), "failed", None),
        (KeyboardInterrupt(), "cancelled", None),
        (asyncio.CancelledError(), "cancelled", None),
        (GeneratorExit(), "cancelled", None),
        (SystemExit(), "succeeded", 0),
        (SystemExit(0), "succeeded", 0),
        (SystemExit(3), "failed", 3),
        (SystemExit("why"), "failed", 1),
    ],
)
def test_an_exception_becomes_the_outcome_and_goes_on(
    here: Board, exc: BaseException, outcome: str, exit_code: int | None
) -> None:
    with pytest.raises(type(exc)), vain.task("x"):
        raise exc
    assert outcomes(here) == {"x": outcome}
    assert here.named("x").get("exit_code") == exit_code


def test_a_failure_carries_its_traceback(here: Board) -> None:
    with pytest.raises(ZeroDivisionError), vain.task("x"):
        _ = 1 / 0
    assert outcomes(here) == {"x": "failed"}
    error = here.named("x")["error"]
    assert (error["type"], error["message"]) == ("ZeroDivisionError", "division by zero")
    assert "_ = 1 / 0" in error["traceback"]


def test_a_job_can_say_its_result_itself(here: Board) -> None:
    with vain.task("x") as t:
        t.result("skipped")
    assert outcomes(here) == {"x": "skipped"}


def test_a_block_in_a_block_is_a_child(here: Board) -> None:
    assert vain.current() is None
    with vain.task("outer") as t:
        with vain.task("inner") as u:
            assert vain.current() is u
        assert vain.current() is t
    assert vain.current() is None and outcomes(here) == {"outer": "succeeded", "inner": "succeeded"}
    assert here.named("inner")["parent_id"] == t.task_id and here.named("outer")["parent_id"] is None


def test_one_object_serves_for_one_run_after_the_other(here: Board) -> None:
    t = vain.task("x")
    for _ in range(3):
        with t:
            pass
    assert flush(5) and [task["outcome"] for task in here.tasks.values()] == ["succeeded"] * 3


def test_metadata_is_reported_when_it_is_set(here: Board) -> None:
    with vain.task("x", metadata={"a": 1}) as t:
        t.metadata["b"] = 0.5
        t.metadata.update(c=True)
        del t.metadata["a"]
    assert outcomes(here) == {"x": "succeeded"} and here.named("x")["metadata"] == {"b": 0.5, "c": True}


def test_a_function_is_a_task_for_each_call(here: Board) -> None:
    @vain.task("etl {day}", tags=["nightly"])
    def etl(day: str, /, *parts: int, **more: int) -> str:
        assert vain.current() is not None
        return day.upper()

    @vain.task
    def bare() -> None: ...

    assert (etl("mon"), etl("tue", 1, x=2), bare()) == ("MON", "TUE", None)
    prefix = "test_a_function_is_a_task_for_each_call."
    assert outcomes(here) == {"etl mon": "succeeded", "etl tue": "succeeded", f"{prefix}bare": "succeeded"}
    assert etl.__name__ == "etl"


@pytest.mark.parametrize("pattern", ["{nothing}", "{", "{day.none}", "{day:>x}"])
def test_a_name_that_cannot_be_filled_in_stands_as_it_is(here: Board, pattern: str) -> None:
    @vain.task(pattern)
    def etl(day: str) -> str:
        return day

    assert etl("mon") == "mon" and outcomes(here) == {pattern: "succeeded"}


def test_a_wrong_call_raises_what_it_would_without_a_task(here: Board) -> None:
    @vain.task("etl {day}")
    def etl(day: str) -> None: ...

    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        etl()  # type: ignore[call-arg]


def test_a_coroutine_is_a_task_of_its_own_context(here: Board) -> None:
    @vain.task("job {number}")
    async def job(number: int) -> str:
        with vain.task(f"part {number}"):
            await asyncio.sleep(0.01)
        task = vain.current()
        assert task is not None
        return task.name

    async def together() -> list[str]:
        return await asyncio.gather(*(job(number) for number in range(5)))

    assert asyncio.run(together()) == [f"job {number}" for number in range(5)]
    assert set(outcomes(here).values()) == {"succeeded"} and len(here.tasks) == 10
    for number in range(5):
        assert here.named(f"part {number}")["parent_id"] == here.named(f"job {number}")["task_id"]


def test_a_generator_is_a_task_that_its_consumer_is_not_in(here: Board) -> None:
    @vain.task
    def rows() -> Iterator[int]:
        task = vain.current()
        got = yield 1
        assert got == "sent" and vain.current() is task
        with contextlib.suppress(KeyError):
            yield 2
        yield 3
        return "end"  # what `yield from` gives

    generator: Any = rows()
    assert next(generator) == 1 and vain.current() is None
    assert generator.send("sent") == 2 and generator.throw(KeyError()) == 3
    with pytest.raises(StopIteration, match="end"):
        next(generator)
    assert list(outcomes(here).values()) == ["succeeded"]


def test_a_generator_that_is_closed_early_is_cancelled(here: Board) -> None:
    closed = []

    @vain.task("rows")
    def rows() -> Iterator[int]:
        try:
            yield from range(10)
        finally:
            closed.append(vain.current())

    for row in rows():
        if row == 3:
            break
    assert outcomes(here) == {"rows": "cancelled"} and closed[0] is not None


def test_an_async_generator_is_a_task(here: Board) -> None:
    @vain.task("rows {count}")
    async def rows(count: int) -> AsyncIterator[int]:
        for row in range(count):
            await asyncio.sleep(0)
            yield row
        raise ValueError

    async def consumed() -> list[int]:
        found = []
        with contextlib.suppress(ValueError):
            async for row in rows(3):
                found.append(row)  # noqa: PERF401  # what was found before the error counts
        return found

    assert asyncio.run(consumed()) == [0, 1, 2] and outcomes(here) == {"rows 3": "failed"}


def test_a_loop_is_a_task_with_its_progress(here: Board) -> None:
    assert list(vain.track([7, 8, 9], "rows", unit="row", tags=["x"])) == [7, 8, 9]
    assert list(vain.track(iter("ab"))) == ["a", "b"]
    assert outcomes(here) == {"rows": "succeeded", "loop": "succeeded"}
    task = here.named("rows")
    assert (task["current"], task["total"], task["unit"], task["tags"]) == (3, 3, "row", ["x"])
    assert here.named("loop")["current"] == 2 and "total" not in here.named("loop")


def left(how: str) -> None:
    for number in vain.track(range(5), how):
        if number == 2:
            if how == "break":
                break
            if how == "return":
                return
            if how == "raise":
                raise ValueError
            if how == "subscript":
                _ = {}[number]
            if how == "call":
                int("x")


def test_a_loop_that_is_left_by_break_has_succeeded_and_by_an_exception_failed(here: Board) -> None:
    for how in ("break", "return", "raise", "subscript", "call", "end"):
        with contextlib.suppress(ValueError, KeyError):
            left(how)
    expected = dict.fromkeys(("break", "return", "end"), "succeeded")
    assert outcomes(here) == expected | dict.fromkeys(("raise", "subscript", "call"), "failed")
    assert here.named("break")["current"] == 2


def test_a_source_of_items_that_fails_fails_the_loop(here: Board) -> None:
    def rows() -> Iterator[int]:
        yield 1
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        list(vain.track(rows(), "rows"))
    assert outcomes(here) == {"rows": "failed"} and here.named("rows")["error"]["message"] == "gone"


@pytest.mark.slow
def test_the_progress_of_a_loop_arrives_while_it_stands_still(here: Board) -> None:
    loop = vain.track(range(100), "rows")
    for _ in range(42):
        next(loop)
    deadline = time.monotonic() + 5
    while not (here.tasks and here.named("rows").get("current") == 41):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_what_threads_do_is_part_of_what_the_main_thread_is_in(here: Board) -> None:
    def work(name: str) -> None:
        with vain.task(name):
            barrier.wait(5)

    barrier = threading.Barrier(2)
    with vain.task("outer") as outer:
        threads = [threading.Thread(target=work, args=(name,)) for name in ("a", "b")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert outcomes(here).keys() == {"outer", "a", "b"}
    assert {here.named(name)["parent_id"] for name in "ab"} == {outer.task_id}


def test_without_a_name_a_task_is_called_as_its_function(here: Board) -> None:
    @vain.task()
    def one() -> None: ...

    @vain.task(tags=["x"])
    def two() -> None: ...

    one()
    two()
    with vain.task():
        pass
    prefix = "test_without_a_name_a_task_is_called_as_its_function."
    assert {f"{prefix}one", f"{prefix}two"} < outcomes(here).keys() and len(here.tasks) == 3


def test_what_cannot_be_reported_is_told_once_and_left_out(here: Board, caplog: pytest.LogCaptureFixture) -> None:
    for name in "xy":
        with vain.task(name, priority="urgent", nonsense=1, tags=["t"]):
            pass
    outcomes(here)
    assert here.named("x")["tags"] == ["t"] and "priority" not in here.named("x")
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [
        "vain: priority, nonsense cannot be reported as given and is left out"
    ]


def test_what_a_program_says_when_it_exits_is_kept(here: Board) -> None:
    with pytest.raises(SystemExit), vain.task("x"):
        raise SystemExit("no such file")
    outcomes(here)
    task = here.named("x")
    assert (task["exit_code"], task["error"]["message"]) == (1, "no such file")


def test_threads_have_tasks_of_their_own(here: Board) -> None:
    found = []

    def work(number: int) -> None:
        assert vain.current() is None
        with vain.task(f"thread {number}") as t:
            found.append(vain.current() is t)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 20 and len(outcomes(here)) == 20 and set(outcomes(here).values()) == {"succeeded"}


def test_what_is_logged_in_a_task_is_in_its_log(here: Board) -> None:
    logger = logging.getLogger("tests.job")
    handler = vain.LogHandler()
    logger.addHandler(handler)
    logger.warning("outside")
    with vain.task("x") as t:
        logger.warning("saved %s", "model.pt")
        t.log("plain")
    logger.removeHandler(handler)
    assert outcomes(here) == {"x": "succeeded"} and here.logs == {t.task_id: b"saved model.pt\nplain\n"}


def test_only_the_end_of_a_long_log_is_sent(here: Board) -> None:
    with vain.task("x") as t:
        for number in range(30_000):
            t.log(f"line {number}")
    assert outcomes(here) == {"x": "succeeded"} and t.task_id is not None
    whole = b"".join(f"line {number}\n".encode() for number in range(30_000))
    log = here.logs[t.task_id]
    assert len(log) == len(whole) and log[-60_000:] == whole[-60_000:]


def test_a_process_is_attached_and_left_to_the_server(here: Board) -> None:
    import subprocess

    with subprocess.Popen(["sleep", "30"]) as process:
        run = vain.attach(process.pid, "old job", tags=["x"])
        assert run.wait_for_id(5) == 1
        process.kill()
    task, [request] = here.named("old job"), here.reports
    assert (task["source"]["kind"], task["source"]["pid"], task["source"]["command"]) == (
        "attached", process.pid, "sleep",
    )  # fmt: skip
    assert task["status"] == "in-progress" and "Vain-Beat-Seconds" not in request.headers


def test_a_process_that_is_not_there_is_not_attached(here: Board, caplog: pytest.LogCaptureFixture) -> None:
    run = vain.attach(2**22 + 1)
    run.update(1)
    assert flush(5) and here.tasks == {} and "no process" in caplog.text


def test_what_a_job_gives_in_a_wrong_form_is_brought_into_one(here: Board) -> None:
    class Odd:
        def __str__(self) -> str:
            raise RuntimeError

    with vain.task("n" * 300, tags="one", priority="urgent", metadata={"o": [1], "nan": float("nan")}, total=3) as t:
        t.update(float("nan"), message="m" * 600)
        t.update(5)
        t.update("many", total=object())  # type: ignore[arg-type]
        t.log(Odd())
        t.metadata["odd"] = Odd()
    with vain.task(Odd(), tags=5, expect_next_in="soon", due_at=Odd()):  # type: ignore[call-overload]
        pass
    assert outcomes(here) == {"n" * 200: "succeeded", "task": "succeeded"}
    task = here.named("n" * 200)
    assert (task["tags"], task["metadata"], len(task["message"])) == (["one"], {"o": "[1]", "nan": "nan"}, 500)
    assert (task["current"], task["total"]) == (5, 5) and "priority" not in task


def test_reporting_can_be_turned_off(here: Board, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VAIN_REPORT", "0")
    with vain.task("x") as t:
        t.update(1)
        assert vain.current() is t
    assert list(vain.track([1, 2])) == [1, 2]
    assert not flush(0.1) and here.reports == [] and not (tmp_path / "spool").exists()


def test_a_run_with_the_process_to_itself_knows_what_it_cost(here: Board) -> None:
    with vain.task("alone"):
        deadline = time.process_time() + 0.05
        while time.process_time() < deadline:
            pass
    with vain.task("outer"), vain.task("inner"):
        pass
    one, other = begin("one"), begin("other", parent=None)
    one.end()
    other.end()
    assert flush(5) and here.named("alone")["usage"]["cpu_seconds"] >= 0.05
    assert "usage" in here.named("outer")
    assert not any("usage" in here.named(name) for name in ("inner", "one", "other"))


def test_an_update_costs_the_job_less_than_20_microseconds(here: Board) -> None:
    with vain.task("x") as t:
        t.update(0, total=10_000)
        began_at = time.process_time()
        for number in range(10_000):
            t.update(number, message="loss")
        spent = time.process_time() - began_at
    assert spent / 10_000 < 20e-6
