"""``/notifications``: what should be told is listed, and may be marked as read."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.web.harness import Running, running

FIELDS = [
    *"notification_id timestamp kind level title message task_id metric value threshold tasks quiet read".split(),
    *"rule since duration_seconds fired_by shares processes url channels host".split(),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("data")) as run:
        yield run


def test_a_task_that_ends_is_told_with_those_that_run(server: Running) -> None:
    other = server.make(status="in-progress")["task_id"]
    task = server.make(name="<b>train</b>", status="in-progress")["task_id"]
    server.call("PUT", f"/tasks/{task}", {"outcome": "failed", "exit_code": 3})
    newest = server.call("GET", "/notifications").json[0]
    assert list(newest) == FIELDS and (newest["kind"], newest["level"], newest["task_id"]) == (
        "task.failed",
        "error",
        task,
    )
    assert newest["title"] == "<b>train</b> failed" and "exit code 3" in newest["message"]
    assert newest["tasks"] == [other] and newest["read"] is False


def test_a_task_that_is_made_overdue_is_told_at_once(server: Running) -> None:
    task = server.make(due_at="2020-01-01T00:00:00Z")
    newest = server.call("GET", "/notifications").json[0]
    assert task["overdue"] and (newest["kind"], newest["task_id"]) == ("task.overdue", task["task_id"])


def test_the_newest_come_first_and_as_many_as_asked(server: Running) -> None:
    for _ in range(3):
        server.make(status="completed")
    ids = [found["notification_id"] for found in server.call("GET", "/notifications").json]
    assert ids == sorted(ids, reverse=True) and len(ids) >= 3
    assert [found["notification_id"] for found in server.call("GET", "/notifications?limit=2").json] == ids[:2]


def test_a_notification_is_marked_as_read_and_back(server: Running) -> None:
    server.make(status="completed")
    newest = server.call("GET", "/notifications?limit=1").json[0]
    path = f"/notifications/{newest['notification_id']}"
    for read in (True, True, False):
        reply = server.call("PATCH", path, {"read": read})
        assert (reply.status, reply.json) == (200, {**newest, "read": read})
        assert server.call("GET", "/notifications?limit=1").json == [reply.json]


def test_a_merge_patch_may_be_named(server: Running) -> None:
    server.make(status="completed")
    number = server.call("GET", "/notifications?limit=1").json[0]["notification_id"]
    kind = {"Content-Type": "application/merge-patch+json"}
    assert server.call("PATCH", f"/notifications/{number}", {"read": True}, kind).status == 200


@pytest.mark.parametrize(("path", "body", "status", "where"), [
    ("/notifications/999999", {"read": True}, 404, None), ("/notifications/0", {"read": True}, 404, None),
    ("/notifications/x", {"read": True}, 404, None), ("/notifications/1", {}, 422, ""),
    ("/notifications/1", {"read": 1}, 422, "/read"), ("/notifications/1", {"read": True, "title": "x"}, 422, "/title"),
])  # fmt: skip
def test_a_patch_that_is_wrong_is_answered_so(
    server: Running, path: str, body: object, status: int, where: str | None
) -> None:
    reply = server.call("PATCH", path, body)
    assert reply.status == status and reply.headers["Content-Type"] == "application/problem+json"
    assert where is None or reply.pointers == [where]


@pytest.mark.parametrize("limit", ["0", "1001", "x", "-1", "1.0", "%D9%A3", ""])
def test_a_limit_that_is_none_is_named(server: Running, limit: str) -> None:
    reply = server.call("GET", f"/notifications?limit={limit}")
    assert (reply.status, reply.pointers) == (400, ["limit"])


def listed(server: Running, query: str) -> list[str]:
    return [found["title"].split()[0] for found in server.call("GET", f"/notifications?{query}").json]


def test_only_those_that_are_asked_for_come(server: Running) -> None:
    newest = server.call("GET", "/notifications?limit=1").json
    begin = newest[0]["notification_id"] if newest else 0
    for name, fields in (
        ("short", {}), ("failed", {"outcome": "failed"}), ("awaited", {"priority": "high"}), ("quick", {}),
    ):  # fmt: skip
        server.make(name=name, status="completed", **fields)
    assert listed(server, "limit=4") == ["quick", "awaited", "failed", "short"]
    assert listed(server, "limit=2&quiet=false") == ["awaited", "failed"]
    assert listed(server, "limit=2&quiet=true&kind=task") == ["quick", "short"]
    assert listed(server, f"limit=2&before={begin + 3}") == ["failed", "short"]
    assert listed(server, "limit=1&level=error&kind=task.failed") == ["failed"]
    server.call("PATCH", f"/notifications/{begin + 3}", {"read": True})
    assert listed(server, "limit=1&quiet=false&read=false") == ["failed"]
    assert listed(server, "limit=1&read=true") == ["awaited"]
    assert listed(server, "kind=tas") == listed(server, "before=1") == []


@pytest.mark.parametrize(("query", "where"), [
    ("before=0", "before"), ("before=x", "before"), ("level=fatal", "level"), ("level=", "level"),
    ("quiet=1", "quiet"), ("read=yes", "read"), ("kind=*", "kind"), ("kind=task.*", "kind"), ("kind=a.b.c", "kind"),
])  # fmt: skip
def test_a_parameter_that_cannot_be_is_named(server: Running, query: str, where: str) -> None:
    reply = server.call("GET", f"/notifications?{query}")
    assert (reply.status, reply.pointers) == (400, [where])
