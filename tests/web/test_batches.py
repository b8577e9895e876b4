"""Many tasks in one go: all of them, or none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.web.harness import Running, running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("data")) as run:
        yield run


def count(server: Running) -> int:
    return int(server.call("GET", "/tasks?limit=1").headers["X-Total-Count"])


def test_a_batch_makes_its_tasks_in_order_and_one_event_for_each(server: Running) -> None:
    before = int(server.call("GET", "/tasks").headers["X-Vain-Seq"])
    reply = server.call("POST", "/tasks/bulk", [{"name": "a"}, {"name": "b", "priority": "high", "tags": ["x"]}])
    first, second = reply.json
    assert reply.status == 201 and (second["name"], second["priority"], second["tags"]) == ("b", "high", ["x"])
    assert second["task_id"] == first["task_id"] + 1 and int(reply.headers["X-Vain-Seq"]) == before + 2
    assert server.call("GET", f"/tasks/{second['task_id']}").json == second


def test_five_hundred_are_taken_and_one_more_is_not(server: Running) -> None:
    before = count(server)
    reply = server.call("POST", "/tasks/bulk", [{"name": f"task {number}"} for number in range(501)])
    assert (reply.status, reply.pointers, count(server)) == (422, [""], before)
    reply = server.call("POST", "/tasks/bulk", [{"name": f"task {number}"} for number in range(500)])
    assert (reply.status, len(reply.json), count(server)) == (201, 500, before + 500)


@pytest.mark.parametrize(("drafts", "status", "pointer"), [
    ([], 422, ""), ({"name": "x"}, 422, ""), ([{"name": "x"}, {"name": ""}], 422, "/1/name"),
    ([{"name": "x"}, 7], 422, "/1"),
    ([{"name": "x"}, {"name": "y", "status": "done"}], 422, "/1/status"), ([{"name": "x"}, {}], 422, "/1/name"),
    ([{"name": "x"}, {"name": "y", "colour": 1}], 422, "/1/colour"),
    ([{"name": "x"}, {"name": "y"}, {"name": "z", "exit_code": 3}], 422, "/2/exit_code"),
    ([{"name": "x"}, {"name": "y", "due_at": "soon"}], 422, "/1/due_at"),
    ([{"name": "x", "key": "k"}, {"name": "y", "key": "k"}], 409, "/1/key"),
    ([{"name": "x"}, {"name": "y", "parent_id": 999_999_999}], 409, "/1/parent_id"),
])  # fmt: skip
def test_one_that_is_wrong_is_pointed_at_and_none_is_made(
    server: Running, drafts: object, status: int, pointer: str
) -> None:
    before = server.call("GET", "/tasks").headers["ETag"]
    reply = server.call("POST", "/tasks/bulk", drafts)
    assert (reply.status, reply.pointers) == (status, [pointer])
    assert server.call("GET", "/tasks", headers={"If-None-Match": before}).status == 304


def test_an_idempotency_key_holds_for_the_whole_batch(server: Running) -> None:
    head, drafts = {"Idempotency-Key": '"batch-1"'}, [{"name": "a"}, {"name": "b"}]
    first, before = server.call("POST", "/tasks/bulk", drafts, head), count(server)
    server.call("PUT", f"/tasks/{first.json[0]['task_id']}", {"name": "changed"})
    again = server.call("POST", "/tasks/bulk", drafts, head)
    assert (again.status, again.body, count(server)) == (201, first.body, before)
    for path, body in (("/tasks/bulk", drafts[:1]), ("/tasks", drafts[0])):
        other = server.call("POST", path, body, head)
        assert (other.status, other.json["title"], count(server)) == (422, "Idempotency key reused", before)


def test_a_refused_batch_does_not_use_its_key_up(server: Running) -> None:
    head = {"Idempotency-Key": "batch-2"}
    assert server.call("POST", "/tasks/bulk", [{"name": "x", "parent_id": 999_999_999}], head).status == 409
    assert server.call("POST", "/tasks/bulk", [{"name": "x"}], head).status == 201


def test_a_batch_may_be_larger_than_another_body_but_not_any_size(server: Running) -> None:
    drafts = [{"name": "x", "description": "d" * 3_000} for _ in range(200)]
    assert server.call("POST", "/tasks/bulk", drafts).status == 201
    assert server.call("POST", "/tasks/bulk", b" " * ((2 << 20) + 1)).status == 413


@pytest.fixture
def three(server: Running) -> list[int]:
    made = server.call("POST", "/tasks/bulk", [{"name": name, "metadata": {"own": name}} for name in "abc"])
    return [task["task_id"] for task in made.json]


def versions(server: Running, ids: list[int]) -> list[int]:
    return [server.call("GET", f"/tasks/{task_id}").json["version"] for task_id in ids]


def test_a_batch_changes_all_in_the_order_of_their_numbers_as_given(server: Running, three: list[int]) -> None:
    asked: dict[str, Any] = {"ids": [three[2], three[0], three[2]], "patch": {"status": "completed", "tags": ["x"]}}
    reply = server.call("POST", "/tasks/bulk-update", asked)
    assert (reply.status, [task["task_id"] for task in reply.json]) == (200, [three[2], three[0]])
    assert {(task["outcome"], task["version"], *task["tags"]) for task in reply.json} == {("succeeded", 2, "x")}
    assert reply.headers["X-Vain-Seq"].isdigit() and versions(server, three) == [2, 1, 2]


def test_null_resets_and_metadata_is_put_together(server: Running, three: list[int]) -> None:
    patch = {"metadata": {"more": 1}, "description": None, "due_at": None}
    reply = server.call("POST", "/tasks/bulk-update", {"ids": three, "patch": patch})
    assert [task["metadata"] for task in reply.json] == [{"own": name, "more": 1} for name in "abc"]


@pytest.mark.parametrize(("change", "status", "pointer"), [
    ({"ids": []}, 422, "/ids"), ({"ids": [0]}, 422, "/ids/0"), ({"ids": ["1"]}, 422, "/ids/0"),
    ({"ids": None}, 422, "/ids"),
    ({"patch": {"status": "done"}}, 422, "/patch/status"), ({"patch": {"colour": 1}}, 422, "/patch/colour"),
    ({"patch": None}, 422, "/patch"), ({"more": 1}, 422, "/more"), ({"ids": list(range(1, 502))}, 422, "/ids"),
    ({"patch": {"exit_code": 3}}, 422, "/patch/exit_code"),
    ({"patch": {"parent_id": 999_999_999}}, 409, "/patch/parent_id"),
    ({"patch": {"key": "one of them"}}, 409, "/patch/key"),
])  # fmt: skip
def test_what_is_wrong_is_pointed_at_and_none_is_changed(
    server: Running, three: list[int], change: dict[str, object], status: int, pointer: str
) -> None:
    asked = {"ids": three, "patch": {"priority": "high"}, **change}
    reply = server.call("POST", "/tasks/bulk-update", asked)
    assert (reply.status, reply.pointers) == (status, [pointer])
    assert versions(server, three) == [1, 1, 1]


def test_a_task_that_there_is_not_is_404_and_none_is_changed(server: Running, three: list[int]) -> None:
    reply = server.call("POST", "/tasks/bulk-update", {"ids": [*three, 999_999_999], "patch": {"priority": "high"}})
    assert (reply.status, reply.pointers) == (404, ["/ids/3"]) and versions(server, three) == [1, 1, 1]


def test_batches_are_told_as_any_change(server: Running, three: list[int]) -> None:
    server.call("POST", "/tasks/bulk-update", {"ids": three, "patch": {"status": "in-progress"}})
    changes = server.call("GET", f"/tasks/{three[1]}/history").json
    assert [(change["action"], change["previous_status"]) for change in changes] == [
        ("created", None), ("updated", "pending"),
    ]  # fmt: skip
