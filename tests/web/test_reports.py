"""What processes send of their tasks: late reports, beats, output; and pings."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.web.harness import Running, running
from vain.clock import unix

TEXT = {"Content-Type": "text/plain"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("reports")
    with running(folder / "data", spool=folder / "spool") as run:
        yield run


def made(server: Running, headers: dict[str, str] | None = None, **fields: Any) -> dict[str, Any]:
    reply = server.call("POST", "/tasks", {"name": "x", "status": "in-progress", **fields}, headers)
    assert reply.status == 201, reply.body
    task: dict[str, Any] = reply.json
    return task


def test_a_report_that_comes_late_lies_where_it_happened(server: Running) -> None:
    task = made(server, {"Vain-Ago": "90.5"})
    assert unix(task["updated_at"]) - unix(task["started_at"]) == pytest.approx(90.5, abs=0.1)
    reply = server.call("PUT", f"/tasks/{task['task_id']}", {"status": "completed"}, {"Vain-Ago": "30"})
    assert unix(reply.json["updated_at"]) - unix(reply.json["completed_at"]) == pytest.approx(30, abs=0.1)


@pytest.mark.parametrize("header", ["Vain-Ago", "Vain-Beat-Seconds"])
@pytest.mark.parametrize("text", ["-1", "nan", "1e3", "99999999", ""])
def test_a_header_that_is_no_length_of_time_is_refused_by_name(server: Running, header: str, text: str) -> None:
    reply = server.call("POST", "/tasks", {"name": "x"}, {header: text})
    assert reply.status == 400 and reply.pointers == [header]


def test_a_run_is_made_once_whoever_tells_of_it(server: Running) -> None:
    run_id = uuid.uuid4().hex
    first = made(server, {"Idempotency-Key": f'"{run_id}"'})
    again = made(server, {"Idempotency-Key": run_id}, message="told in other words")
    assert again == first


def test_a_child_finds_its_parent_by_the_name_of_the_run(server: Running) -> None:
    run_id = uuid.uuid4().hex
    parent = made(server, {"Idempotency-Key": run_id})
    child = made(server, {"Idempotency-Key": uuid.uuid4().hex, "Vain-Parent-Run": run_id})
    assert child["parent_id"] == parent["task_id"]
    lost = made(server, {"Idempotency-Key": uuid.uuid4().hex, "Vain-Parent-Run": uuid.uuid4().hex})
    assert lost["parent_id"] is None


def test_a_child_whose_report_comes_first_finds_its_parent_when_that_comes(server: Running) -> None:
    run_id = uuid.uuid4().hex
    children = [made(server, {"Idempotency-Key": uuid.uuid4().hex, "Vain-Parent-Run": run_id}) for _ in range(2)]
    assert [child["parent_id"] for child in children] == [None, None]
    parent = made(server, {"Idempotency-Key": run_id})
    for child in children:
        after = server.call("GET", f"/tasks/{child['task_id']}").json
        assert (after["parent_id"], after["version"]) == (parent["task_id"], 2)


def test_a_reporter_whose_parent_was_deleted_is_heard_all_the_same(server: Running) -> None:
    task = made(server, {"Idempotency-Key": uuid.uuid4().hex}, parent_id=999_999)
    assert task["parent_id"] is None
    assert server.call("POST", "/tasks", {"name": "x", "parent_id": 999_999}).status == 409


def test_beats_change_nothing_and_name_what_is_not_in_progress(server: Running) -> None:
    going, ended = made(server), made(server, status="completed")
    numbers = [going["task_id"], ended["task_id"], 999_999]
    reply = server.call("POST", "/tasks/beats", {"tasks": numbers})
    assert (reply.status, reply.json) == (200, {"unknown": numbers[1:]})
    assert server.call("GET", f"/tasks/{going['task_id']}").json == going
    assert server.call("POST", "/tasks/beats", {"tasks": ["x"]}).pointers == ["/tasks/0"]


def test_output_is_a_sign_of_life(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[list[int]] = []
    number = made(server)["task_id"]
    monkeypatch.setattr(server.server._services.vigil, "beat", heard.append)
    assert server.call("POST", f"/tasks/{number}/log", b"epoch 1\n", TEXT).status == 204
    assert server.call("POST", "/tasks/999999/log", b"x", TEXT).status == 404
    assert heard == [[number]]


def logged(server: Running, task_id: int, after: int = 0) -> tuple[bytes, int, int]:
    reply = server.call("GET", f"/tasks/{task_id}/log?after={after}")
    assert reply.status == 200 and reply.headers["Content-Type"] == "text/plain; charset=utf-8"
    return reply.body, int(reply.headers["Vain-Log-Offset"]), int(reply.headers["Vain-Log-End"])


def test_output_is_kept_once_and_in_order(server: Running) -> None:
    number = made(server)["task_id"]
    assert logged(server, number) == (b"", 0, 0)
    for offset, body in ((0, b"one\n"), (0, b"one\n"), (2, b"e\ntwo\n"), (8, b"\xff\x00\n")):
        headers = {**TEXT, "Vain-Log-Offset": str(offset)}
        assert server.call("POST", f"/tasks/{number}/log", body, headers).status == 204
    assert logged(server, number) == (b"one\ntwo\n\xff\x00\n", 0, 11)
    assert logged(server, number, 6) == (b"o\n\xff\x00\n", 6, 11)
    assert logged(server, number, 11) == (b"", 11, 11)


def test_only_the_end_of_a_long_output_is_kept(server: Running) -> None:
    number = made(server)["task_id"]
    for piece in range(40):
        assert server.call("POST", f"/tasks/{number}/log", bytes([65 + piece % 26]) * 4096, TEXT).status == 204
    body, begin, end = logged(server, number)
    assert end == 40 * 4096 and 64 << 10 <= len(body) < (64 << 10) + 4096 and begin == end - len(body)
    assert body.endswith(b"N" * 4096)


def test_the_output_of_a_deleted_task_is_gone(server: Running) -> None:
    number = made(server)["task_id"]
    server.call("POST", f"/tasks/{number}/log", b"x", TEXT)
    server.call("DELETE", f"/tasks/{number}")
    assert server.call("GET", f"/tasks/{number}/log").status == 404
    assert server.call("POST", f"/tasks/{number}/log", b"x", TEXT).status == 404


def test_a_log_takes_bytes_up_to_its_own_size(server: Running) -> None:
    number = made(server)["task_id"]
    assert server.call("POST", f"/tasks/{number}/log", b"x" * ((64 << 10) + 1), TEXT).status == 413
    headers = {**TEXT, "Vain-Log-Offset": "x"}
    assert server.call("POST", f"/tasks/{number}/log", b"x", headers).pointers == ["Vain-Log-Offset"]


def test_one_line_of_shell_reports_a_job(server: Running) -> None:
    begun = server.call("POST", "/ping/backup/start?name=nightly%20backup").json
    assert (begun["key"], begun["name"], begun["status"]) == ("backup", "nightly backup", "in-progress")
    told = server.call("POST", "/ping/backup/log", b"half way\n", TEXT).json
    assert told["task_id"] == begun["task_id"] and told["status"] == "in-progress"
    ended = server.call("POST", "/ping/backup/3", b"no space left\n", TEXT).json
    assert (ended["task_id"], ended["outcome"], ended["exit_code"]) == (begun["task_id"], "failed", 3)
    assert logged(server, begun["task_id"])[0] == b"half way\nno space left\n"


def test_a_ping_alone_is_a_job_that_ended_well(server: Running) -> None:
    first, second = (server.call("POST", "/ping/sync").json for _ in range(2))
    assert (first["status"], first["outcome"]) == ("completed", "succeeded")
    assert second["task_id"] != first["task_id"]
    assert server.call("POST", "/ping/sync/fail").json["outcome"] == "failed"
    assert server.call("POST", "/ping/sync/0").json["exit_code"] == 0


@pytest.mark.parametrize("path", ["/ping/x/256", "/ping/x/stop", "/ping/x/-1", "/ping/" + "k" * 65])
def test_a_ping_that_says_nothing_known_is_refused(server: Running, path: str) -> None:
    assert server.call("POST", path).status in (400, 404, 422)


def test_a_wrong_interval_is_refused_by_name(server: Running) -> None:
    reply = server.call("POST", "/ping/x?every=soon")
    assert reply.status == 400 and reply.pointers == ["every"]


def test_pings_are_not_for_other_methods(server: Running) -> None:
    reply = server.call("GET", "/ping/backup/start")
    assert reply.status == 405 and reply.headers["Allow"] == "POST, OPTIONS"


def test_what_a_task_used_is_in_the_history_of_its_own(server: Running) -> None:
    import os
    import time

    from vain import identity

    task = made(server, source={**identity.this_process(), "kind": "python"})
    deadline, series = time.monotonic() + 10, {}
    while f"task.cpu_percent:{task['task_id']}" not in series:
        assert time.monotonic() < deadline, series.keys()
        sum(range(100_000))
        history = server.call("GET", f"/performance/history?task_id={task['task_id']}&metrics=task.*,cpu.percent").json
        series = history["series"]
    assert f"task.memory_bytes:{task['task_id']}" in series and "cpu.percent" in series
    assert history["labels"][f"task.memory_bytes:{task['task_id']}"] == {"task_id": str(task["task_id"])}
    sample = server.call("GET", "/performance").json
    assert task["task_id"] in [use["task_id"] for use in sample["attribution"]["tasks"]]
    ended = server.call("PUT", f"/tasks/{task['task_id']}", {"status": "completed"}).json
    assert ended["resources"]["rss_peak_bytes"] > 1 << 20 and ended["resources"]["rss_bytes"] is None
    assert ended["source"]["pid"] == os.getpid()
    assert json.dumps(ended["resources"]["basis"])


def test_a_wrong_header_changes_nothing(server: Running) -> None:
    task, wrong = server.make(), {"Vain-Beat-Seconds": "3601"}
    before = len(server.call("GET", "/tasks").json)
    assert server.call("POST", "/tasks", {"name": "never"}, wrong).status == 400
    assert server.call("PUT", f"/tasks/{task['task_id']}", {"progress": 5}, wrong).status == 400
    assert len(server.call("GET", "/tasks").json) == before
    assert server.call("GET", f"/tasks/{task['task_id']}").json["version"] == task["version"]


@pytest.mark.parametrize("seconds", ["0.1", "12", "1.1125369292536007e-308", "2413054.884339586"])
def test_seconds_are_taken_as_languages_write_them(server: Running, seconds: str) -> None:
    assert server.call("POST", "/tasks", {"name": "late"}, {"Vain-Ago": seconds}).status == 201


def test_the_largest_number_that_is_allowed_is_taken(server: Running) -> None:
    task = server.make()
    assert server.call("GET", f"/tasks/{task['task_id']}/log?after=9007199254740991").status == 200
    assert server.call("GET", f"/tasks/{task['task_id']}/log?after=9007199254740992").status == 400


def test_a_key_that_is_no_text_is_refused(server: Running) -> None:
    assert server.call("POST", "/ping/%FF").pointers == ["key"]
