"""The task routes as the contract has them, asked over HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.web.harness import Running, running
from vain.types import TaskDraft

PROBLEM = "application/problem+json"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("data")) as run:
        yield run


def check_problem(reply: Any, status: int, path: str) -> None:
    assert (reply.status, reply.headers["Content-Type"]) == (status, PROBLEM)
    document = reply.json
    assert document["status"] == status and document["instance"] == path
    assert document["type"].startswith("/problems/") and document["title"] and document["detail"]


def test_a_name_is_enough(server: Running) -> None:
    reply = server.call("POST", "/tasks", {"name": "x"})
    task = reply.json
    assert (reply.status, reply.headers["Content-Type"]) == (201, "application/json")
    assert reply.headers["Location"] == f"/tasks/{task['task_id']}"
    assert reply.headers["ETag"] == f'"{task["task_id"]}-1"'
    assert list(task)[:5] == ["task_id", "name", "status", "priority", "created_at"]
    assert (task["name"], task["status"], task["priority"]) == ("x", "pending", "medium")
    assert server.call("GET", reply.headers["Location"]).body == reply.body


def test_put_sets_what_is_given_and_leaves_the_others(server: Running) -> None:
    task = server.make(description="d", tags=["a"])
    reply = server.call("PUT", f"/tasks/{task['task_id']}", {"status": "completed"})
    assert reply.status == 200 and reply.headers["ETag"] == f'"{task["task_id"]}-2"'
    changed = {name for name, value in reply.json.items() if value != task[name]}
    assert changed | {"updated_at"} == {"status", "outcome", "completed_at", "updated_at", "version"}


def test_get_edit_put_works(server: Running) -> None:
    task = server.make()
    path = f"/tasks/{task['task_id']}"
    read = server.call("GET", path)
    assert server.call("PUT", path, read.body).body == read.body
    edited = server.call("PUT", path, {**read.json, "priority": "high", "version": "mine", "created_at": None})
    assert edited.status == 200
    assert (edited.json["priority"], edited.json["version"], edited.json["created_at"]) == (
        "high",
        2,
        task["created_at"],
    )


def test_delete_is_204_and_then_404_for_ever(server: Running) -> None:
    path = f"/tasks/{server.make()['task_id']}"
    reply = server.call("DELETE", path)
    assert (reply.status, reply.body, reply.headers["Content-Length"], reply.headers["Content-Type"]) == (
        204,
        b"",
        None,
        None,
    )
    for method, body in (("DELETE", None), ("GET", None), ("PUT", {"name": "y"})):
        check_problem(server.call(method, path, body), 404, path)


def test_the_list_is_a_bare_array_of_all(server: Running) -> None:
    made = [server.make(name=f"n{number}") for number in range(3)]
    reply = server.call("GET", "/tasks")
    assert reply.json[-3:] == made and reply.headers["X-Total-Count"] == str(len(reply.json))
    assert reply.headers["Content-Type"] == "application/json"


@pytest.mark.slow
def test_the_total_is_that_of_the_list_even_while_tasks_are_made(tmp_path_factory: pytest.TempPathFactory) -> None:
    with running(tmp_path_factory.mktemp("growing")) as run:

        async def grow() -> None:
            for _ in range(300):
                await run.server._services.tracker.create(TaskDraft(name="x"))

        growing = asyncio.run_coroutine_threadsafe(grow(), run.loop)
        while not growing.done():
            reply = run.call("GET", "/tasks")
            assert len(reply.json) == int(reply.headers["X-Total-Count"])
        growing.result()


def test_an_empty_list_is_an_empty_array(tmp_path_factory: pytest.TempPathFactory) -> None:
    with running(tmp_path_factory.mktemp("empty")) as run:
        reply = run.call("GET", "/tasks")
        assert (reply.body, reply.headers["X-Total-Count"]) == (b"[]", "0")


@pytest.mark.parametrize("path", ["/tasks", "/tasks/{id}", "/performance", "/visualizations", "/healthz", "/nowhere"])
def test_head_answers_as_get_without_a_body(server: Running, path: str) -> None:
    path = path.format(id=server.make()["task_id"])
    got, head = server.call("GET", path), server.call("HEAD", path)
    assert (head.status, head.body) == (got.status, b"")
    for name in ("Content-Type", "ETag", "X-Total-Count"):
        assert head.headers[name] == got.headers[name]


@pytest.mark.parametrize(("path", "allow"), [
    ("/tasks", "GET, HEAD, POST, OPTIONS"), ("/tasks/1", "GET, HEAD, PUT, PATCH, DELETE, OPTIONS"),
    ("/performance", "GET, HEAD, OPTIONS"), ("/notifications/1", "PATCH, OPTIONS"),
])  # fmt: skip
def test_options_and_405_name_the_methods(server: Running, path: str, allow: str) -> None:
    reply = server.call("OPTIONS", path)
    assert (reply.status, reply.headers["Allow"], reply.body) == (204, allow, b"")
    for method in ("BREW", next(method for method in ("PATCH", "POST", "PUT") if method not in allow)):
        refused = server.call(method, path, {})
        check_problem(refused, 405, path)
        assert refused.headers["Allow"] == allow


UNKNOWN = ["/nowhere", "/tasks/", "/tasks//", "/tasks/007", "/tasks/-1", "/tasks/+1", "/tasks/1.0", "/tasks/1/",
    "/tasks/1/2",
           "/tasks/%00", "/tasks/%31", "/tasks/..", "/tasks/1;x", "/Tasks", "/tasks/9007199254740992",
           "/tasks/" + "9" * 400,
           "/tasks/٣", "/assets/../server.py", "/assets/..%2fserver.py", "/assets/", "/visualizations/",
           "/x" * 4_000]  # fmt: skip


@pytest.mark.parametrize("path", UNKNOWN)
def test_a_path_that_leads_nowhere_is_a_problem(server: Running, path: str) -> None:
    answer = server.raw(server.head(f"GET {path} HTTP/1.1", "Connection: close").decode().encode("utf-8"))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 404 ") and PROBLEM.encode() in head
    assert json.loads(body)["status"] == 404


@pytest.mark.parametrize("number", [0, 999_999_999, 9007199254740991])
def test_a_number_that_no_task_has_is_404(server: Running, number: int) -> None:
    check_problem(server.call("GET", f"/tasks/{number}"), 404, f"/tasks/{number}")


@pytest.mark.parametrize(("method", "path", "parameter"), [
    ("GET", "/tasks?colour=red", "colour"), ("GET", "/tasks/1?x", "x"), ("POST", "/tasks?dry=1", "dry"),
    ("GET", "/tasks?=1", ""),
    ("PUT", "/tasks/1?force=1", "force"), ("DELETE", "/tasks/1?soft=1", "soft"), ("GET", "/performance?a=1&b=2", "a"),
    ("GET", "/notifications?limit=1&limit=2", "limit"), ("GET", "/visualizations?bucket=1", "bucket"),
])  # fmt: skip
def test_an_unknown_parameter_is_named(server: Running, method: str, path: str, parameter: str) -> None:
    reply = server.call(method, path, {"name": "x"} if method in ("POST", "PUT") else None)
    check_problem(reply, 400, path.partition("?")[0])
    assert reply.json["errors"][0]["parameter"] == parameter


@pytest.mark.parametrize("query", ["a=%ff", "&".join(f"p{number}" for number in range(99))])
def test_a_query_that_cannot_be_read_is_400(server: Running, query: str) -> None:
    check_problem(server.call("GET", f"/tasks?{query}"), 400, "/tasks")


@pytest.mark.parametrize("body", [b"", b"{", b"{'name':1}", b'{"name":"\xff"}', b"[" * 999, b'{"name":NaN}', b"read"])
def test_what_is_not_json_is_400(server: Running, body: bytes) -> None:
    for method, path in (("POST", "/tasks"), ("PUT", "/tasks/1")):
        check_problem(server.call(method, path, body), 400, path)


@pytest.mark.parametrize(("body", "pointer"), [
    ({}, "/name"), ({"name": ""}, "/name"), ({"name": " "}, "/name"), ({"name": "x", "status": "done"}, "/status"),
    ({"name": "x", "progress": 101}, "/progress"), ({"name": "x", "colour": 1}, "/colour"), ([], ""),
    ({"name": "x", "tags": ["a", 5]}, "/tags/1"), ({"name": "x", "due_at": "soon"}, "/due_at"),
    ({"name": "x", "outcome": "failed", "status": "pending"}, "/outcome"),
    ({"name": "x", "exit_code": 3}, "/exit_code"),
    ({"name": "x", "current": 3, "total": 2}, "/current"), ({"name": "a\0"}, "/name"),
    ({"name": "x", "source": {"pid_started_at": "then"}}, "/source/pid_started_at"),
    ({"name": "x", "due_at": "0999-01-01T00:00:00Z"}, "/due_at"),
])  # fmt: skip
def test_what_is_invalid_is_422_and_the_pointer_names_the_field(server: Running, body: object, pointer: str) -> None:
    before = server.call("GET", "/tasks").headers["X-Total-Count"]
    reply = server.call("POST", "/tasks", body)
    check_problem(reply, 422, "/tasks")
    assert reply.pointers == [pointer]
    assert server.call("GET", "/tasks").headers["X-Total-Count"] == before


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x", "",
                                  "application/json; charset=latin-1", "application/jsonp"])  # fmt: skip
def test_what_does_not_say_that_it_is_json_is_415(server: Running, kind: str) -> None:
    for method, path in (("POST", "/tasks"), ("PUT", "/tasks/1"), ("DELETE", "/tasks/1"), ("POST", "/nowhere")):
        check_problem(server.call(method, path, b'{"name":"x"}', {"Content-Type": kind}), 415, path)


def test_a_compressed_body_is_415(server: Running) -> None:
    check_problem(server.call("POST", "/tasks", b'{"name":"x"}', {"Content-Encoding": "gzip"}), 415, "/tasks")


def test_charset_utf_8_may_be_said(server: Running) -> None:
    kind = {"Content-Type": 'Application/JSON; charset="UTF-8"'}
    assert server.call("POST", "/tasks", '{"name":"ä"}'.encode(), kind).json["name"] == "ä"


def test_a_body_that_is_too_large_is_413_and_the_connection_goes_on(server: Running) -> None:
    for size in ((256 << 10) + 1, 3 << 20):
        check_problem(server.call("POST", "/tasks", b" " * size), 413, "/tasks")
    assert server.call("GET", "/healthz").status == 200
    padded = b'{"name":"x"' + b" " * ((256 << 10) - 12) + b"}"
    assert server.call("POST", "/tasks", padded).status == 201


def test_a_chunked_body_that_is_too_large_is_413(server: Running) -> None:
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    head = server.head(
        "POST /tasks HTTP/1.1", "Content-Type: application/json", "Transfer-Encoding: chunked", "Connection: close"
    )
    assert server.raw(head + chunk * 5 + b"0\r\n\r\n").startswith(b"HTTP/1.1 413 ")


def test_a_body_that_is_not_even_read_gets_413(server: Running) -> None:
    head = server.head("POST /tasks HTTP/1.1", "Content-Type: application/json", "Content-Length: 99999999999")
    answer = server.raw(head)
    assert answer.startswith(b"HTTP/1.1 413 ") and PROBLEM.encode() in answer


def test_a_conflict_is_409(server: Running) -> None:
    holder = server.make(key="nightly")
    reply = server.call("POST", "/tasks", {"name": "x", "key": "nightly"})
    check_problem(reply, 409, "/tasks")
    assert reply.pointers == ["/key"]
    assert server.call("PUT", f"/tasks/{holder['task_id']}", {"status": "completed"}).status == 200
    assert server.make(key="nightly")["key"] == "nightly"
    assert server.call("PUT", f"/tasks/{holder['task_id']}", {"status": "pending"}).status == 409


def test_a_parent_exists_and_is_no_descendant(server: Running) -> None:
    parent = server.make()["task_id"]
    child = server.make(parent_id=parent)["task_id"]
    for path, body in ((f"/tasks/{parent}", {"parent_id": child}), (f"/tasks/{parent}", {"parent_id": parent}),
                       (f"/tasks/{child}", {"parent_id": 999_999_999})):  # fmt: skip
        reply = server.call("PUT", path, body)
        assert (reply.status, reply.pointers) == (409, ["/parent_id"])
    assert server.call("DELETE", f"/tasks/{parent}").status == 204
    assert server.call("GET", f"/tasks/{child}").json["parent_id"] is None


def test_an_idempotency_key_makes_one_task(server: Running) -> None:
    head = {"Idempotency-Key": '"a-1"'}
    first = server.call("POST", "/tasks", {"name": "once"}, head)
    server.call("PUT", first.headers["Location"], {"name": "changed"})
    again = server.call("POST", "/tasks", {"name": "once"}, {"Idempotency-Key": "a-1"})
    assert (again.status, again.body, again.headers["Location"], again.headers["ETag"]) == (
        201, first.body, first.headers["Location"], first.headers["ETag"],
    )  # fmt: skip
    check_problem(server.call("POST", "/tasks", {"name": "other"}, head), 422, "/tasks")


@pytest.mark.parametrize("key", ["", '""', "x" * 256, "a\tb"])
def test_an_idempotency_key_that_is_none_is_400(server: Running, key: str) -> None:
    reply = server.call("POST", "/tasks", {"name": "x"}, {"Idempotency-Key": key})
    check_problem(reply, 400, "/tasks")


def test_a_refused_post_does_not_use_its_key_up(server: Running) -> None:
    head = {"Idempotency-Key": "a-2"}
    assert server.call("POST", "/tasks", {"name": "x", "parent_id": 999_999_999}, head).status == 409
    assert server.call("POST", "/tasks", {"name": "x"}, head).status == 201


def test_nothing_may_be_kept_or_guessed(server: Running) -> None:
    for path in ("/tasks", "/tasks/1", "/nowhere", "/healthz"):
        headers = server.call("GET", path).headers
        assert headers["Cache-Control"] == "no-store" and headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Server"] is None and headers["Access-Control-Allow-Origin"] is None
        assert headers["Date"].endswith(" GMT")


def test_healthz_says_nothing_but_that_it_lives(server: Running) -> None:
    assert server.call("GET", "/healthz").json == {"status": "ok"}


def test_odd_text_comes_back_as_it_was(server: Running) -> None:
    for text in (
        "<img src=x onerror=alert(1)>",
        "'; DROP TABLE tasks; --",
        "\u202e🦆\ufffe\u2028",
        "a" * 200,
        '"\\\x7f',
    ):
        task = server.make(name=text, tags=[text[:64]], metadata={"k": text, "n": -0.5, "b": True})
        assert server.call("GET", f"/tasks/{task['task_id']}").json["name"] == text
        assert task["metadata"] == {"k": text, "n": -0.5, "b": True}


@pytest.mark.parametrize(
    ("expected", "status"),
    [('"{id}-1"', 200), ("*", 200), ('"9-1", "{id}-1"', 200), ('"{id}-2"', 412), ('W/"{id}-1"', 412), ("junk", 412)],
)
def test_if_match_guards_a_change(server: Running, expected: str, status: int) -> None:
    task_id = server.call("POST", "/tasks", {"name": "guarded"}).json["task_id"]
    headers = {"If-Match": expected.format(id=task_id)}
    assert server.call("PUT", f"/tasks/{task_id}", {"priority": "high"}, headers=headers).status == status


def test_the_history_of_a_task_is_every_change_in_order_and_no_other(
    server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vain.tracker.SCANNED_EVENTS", 3)
    task = server.make(name="followed", metadata={"task_id": 1})
    path = f"/tasks/{task['task_id']}"
    for progress in range(1, 6):
        server.make(name="another", metadata={"task_id": task["task_id"]})
        server.call("PUT", path, {"progress": progress})
    changes = server.call("GET", f"{path}/history").json
    assert [change["version"] for change in changes] == [1, 2, 3, 4, 5, 6]
    assert {(change["type"], change["task_id"]) for change in changes} == {("taskUpdate", task["task_id"])}
    assert [change["progress"] for change in changes] == [None, 1, 2, 3, 4, 5] and changes[1]["changed"][
        0
    ] == "progress"
    assert sorted(change["seq"] for change in changes) == [change["seq"] for change in changes]


def test_the_history_of_a_deleted_task_ends_with_its_end(server: Running) -> None:
    path = f"/tasks/{server.make()['task_id']}"
    server.call("DELETE", path)
    changes = server.call("GET", f"{path}/history").json
    assert [change["action"] for change in changes] == ["created", "deleted"]
    assert server.call("GET", "/tasks/999999/history").status == 404
    assert server.call("GET", "/tasks/007/history").status == 404
    assert server.call("PUT", f"{path}/history", {}).headers["Allow"] == "GET, HEAD, OPTIONS"
