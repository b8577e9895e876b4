"""What the server says no to: what comes again, what is left out, and what is given up."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.report.board import Board, Refusal, Report, eventually
from vain.report import begin, flush
from vain.report.connection import Connection, Unanswered


def first(count: int, refusal: Refusal, method: str = "POST") -> Callable[[Report], Refusal | None]:
    """Refuse the first requests of a method."""
    left = [count]

    def refuse(report: Report) -> Refusal | None:
        if report.method != method or not left[0]:
            return None
        left[0] -= 1
        return refusal

    return refuse


@pytest.mark.parametrize("status", [401, 403, 408, 425, 429, 500, 503, 507])
def test_a_report_that_may_succeed_later_comes_again(here: Board, status: int) -> None:
    here.refuse = first(1, Refusal(status))
    begin("x").end()
    assert flush(10) and here.named("x")["outcome"] == "succeeded"


def test_a_server_may_say_when_to_come_again(here: Board) -> None:
    here.refuse = first(1, Refusal(503, retry_after="0.3"))
    begin("x").end()
    assert not flush(0.2) and here.tasks == {}
    assert flush(10) and here.named("x")["outcome"] == "succeeded"


def test_a_key_that_another_run_holds_is_left_out(here: Board) -> None:
    here.refuse = lambda report: Refusal(409, "/key") if b'"key"' in report.body else None
    run = begin("x", key="nightly", tags=["t"])
    run.end()
    assert flush(10) and "key" not in here.named("x") and here.named("x")["tags"] == ["t"]
    keys = [report.headers["Idempotency-Key"] for report in here.reports if report.path == "/tasks"]
    assert keys == [f'"{run.run_id}"'] * 2, "a refusal leaves nothing behind"


def test_a_field_that_is_wrong_does_not_cost_the_end(here: Board) -> None:
    here.refuse = first(1, Refusal(422, "/message"), "PUT")
    begin("x").end("failed", message="m", exit_code=3)
    assert flush(10) and here.named("x")["outcome"] == "failed" and here.named("x")["exit_code"] == 3


@pytest.mark.parametrize("status", [302, 400, 405, 409, 413, 415, 422])
def test_a_run_that_is_refused_is_given_up_with_one_warning(
    here: Board, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    here.refuse = lambda report: Refusal(status) if report.path == "/tasks" and b'"x"' in report.body else None
    for _ in range(3):
        begin("x").end()
    begin("y").end()
    assert flush(10) and [task["name"] for task in here.tasks.values()] == ["y"]
    assert caplog.text.count("was refused") == 1


def test_progress_that_is_refused_does_not_cost_the_end(here: Board) -> None:
    here.refuse = first(1, Refusal(409), "PUT")
    run = begin("x")
    run.update(1)
    assert flush(10)
    run.end()
    assert flush(10) and here.named("x")["outcome"] == "succeeded" and "current" not in here.named("x")


def test_of_a_task_that_was_deleted_nothing_more_is_reported(here: Board) -> None:
    run = begin("x")
    assert run.wait_for_id(5) == 1
    del here.tasks[1]
    run.update(1)
    assert flush(10)
    count = len(here.reports)
    run.update(2)
    run.end()
    assert flush(10) and len(here.reports) == count and here.tasks == {}


def test_a_server_that_takes_no_logs_still_has_the_task(here: Board) -> None:
    here.refuse = lambda report: Refusal(404) if report.path.endswith("/log") else None
    run = begin("x")
    run.write(b"out")
    run.end()
    assert flush(10) and here.named("x")["outcome"] == "succeeded" and here.logs == {}


def test_the_key_goes_with_each_request(
    here: Board, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("VAIN_API_KEY", "vain_secret")
    here.refuse = lambda report: None if report.headers.get("Authorization") == "Bearer vain_secret" else Refusal(401)
    begin("x").end()
    assert flush(10) and here.named("x")["outcome"] == "succeeded" and "secret" not in caplog.text


def test_a_request_whose_answer_was_lost_makes_no_second_task(here: Board) -> None:
    lost = []

    def refuse(report: Report) -> Refusal | None:
        if report.method == "POST" and not lost:
            lost.append(here.take(report))
            return Refusal(503)
        return None

    here.refuse = refuse
    begin("x").end()
    assert flush(10) and len(here.tasks) == 1 and lost[0][0] == 201


def test_a_spool_of_a_delivered_job_is_empty(here: Board, tmp_path: Path) -> None:
    run = begin("x")
    run.end()
    assert flush(10)
    [path] = (tmp_path / "spool").iterdir()
    eventually(lambda: path.read_text().count("\n") == 1)


def test_a_closed_connection_is_opened_anew(here: Board) -> None:
    connection = Connection(here.url, None, 5)
    for _ in range(2):
        assert connection.ask("POST", "/tasks/beats", b"{}", {}, lambda: True).status == 200
        assert connection._open is not None and connection._open.sock is not None
        connection._open.sock.shutdown(socket.SHUT_RDWR)
    connection.close()


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://no.such.host.invalid", "https://127.0.0.1:1"])
def test_an_address_at_which_nobody_is_raises_unanswered(url: str) -> None:
    with pytest.raises(Unanswered):
        Connection(url, None, 1).ask("POST", "/tasks", b"", {}, lambda: True)


def test_a_wait_can_be_given_up(here: Board) -> None:
    here.delay_seconds = 0.3
    connection = Connection(here.url, None, 5)
    with pytest.raises(Unanswered, match="given up"):
        connection.ask("POST", "/tasks/beats", b"{}", {}, lambda: False)


def test_what_is_no_vain_is_not_reported_to(here: Board, caplog: pytest.LogCaptureFixture) -> None:
    here.take = lambda report: (200, {"hello": "world"})  # type: ignore[method-assign]  # another program's answer
    begin("x").end()
    assert flush(10) and "no vAIn" in caplog.text
