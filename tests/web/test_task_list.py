"""``GET /tasks`` and a task's history over HTTP: filters, pages and forms."""

from __future__ import annotations

import csv
import http.client
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import arro3.io
import pytest

from tests.web.harness import Reply, Running, running
from vain.types import Task

EVIL = '=cmd|"/c calc"!A1'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Twelve tasks: four of each priority, every third completed, even ones with the tag ``even``."""
    with running(tmp_path_factory.mktemp("data")) as run:
        drafts = [
            {
                "name": EVIL if number == 1 else f"task {number}",
                "priority": ["low", "medium", "high"][number % 3],
                "tags": [*(["even"] if number % 2 == 0 else []), *(["third"] if number % 3 == 0 else [])],
                "due_at": "2020-01-01T00:00:00Z" if number == 5 else None,
                "key": "nightly" if number == 7 else None,
                "parent_id": 1 if number == 8 else None,
                "source": {"host": f"gpu-{number % 4}", "pid": number} if number > 4 else None,
            }
            for number in range(1, 13)
        ]
        for draft in drafts:
            run.make(**draft)
        for number in (3, 6, 9, 12):
            outcome = "failed" if number == 9 else "succeeded"
            run.call("PUT", f"/tasks/{number}", {"status": "completed", "outcome": outcome})
        yield run


def listed(server: Running, **parameters: object) -> list[int]:
    reply = server.call("GET", f"/tasks?{urlencode(parameters, doseq=True)}")
    assert reply.status == 200, reply.json
    return [task["task_id"] for task in reply.json]


def following(reply: Reply) -> str | None:
    link = reply.headers["Link"]
    assert link is None or (link.startswith("</tasks?") and link.endswith('>; rel="next"'))
    return link and link[1:].partition(">")[0]


@pytest.mark.parametrize(("parameters", "found"), [
    ({"status": "completed"}, [3, 6, 9, 12]), ({"status": "pending,completed"}, list(range(1, 13))),
    ({"priority": "high"}, [2, 5, 8, 11]), ({"outcome": "failed"}, [9]), ({"outcome": "failed,crashed"}, [9]),
    ({"tag": "even"}, [2, 4, 6, 8, 10, 12]), ({"tag": ["even", "third"]}, [6, 12]), ({"tag": "eve"}, []),
    ({"key": "nightly"}, [7]), ({"parent_id": 1}, [8]), ({"overdue": "true"}, [5]), ({"stale": "true"}, []),
    ({"host": "gpu-1"}, [5, 9]), ({"host": "gpu-1,gpu-3"}, [5, 7, 9, 11]), ({"host": "GPU-1"}, []),
    ({"host": "gpu"}, []),
    ({"host": "gpu-0", "status": "completed"}, [12]), ({"host": "gpu-2", "sort": "-updated_at"}, [6, 10]),
    ({"stale": "false", "status": "completed"}, [3, 6, 9, 12]), ({"q": "TASK 1"}, [10, 11, 12]),
    ({"created_after": -3600}, list(range(1, 13))), ({"created_before": -3600}, []),
    ({"completed_after": -3600}, [3, 6, 9, 12]), ({"completed_after": "2020-01-01T00:00:00+01:00"}, [3, 6, 9, 12]),
    ({"completed_before": 1_700_000_000}, []), ({"sort": "-task_id", "limit": 2}, [12, 11]),
    ({"sort": "-priority,-task_id", "status": "pending", "limit": 3}, [11, 8, 5]),
])  # fmt: skip
def test_filters_and_sorts(server: Running, parameters: dict[str, object], found: list[int]) -> None:
    assert listed(server, **parameters) == found


@pytest.mark.parametrize("query", [
    "status=done", "status=", "status=pending,", "priority=urgent", "outcome=ok", "tag=", f"tag={'x' * 65}", "key=",
    "parent_id=0", "parent_id=x", "stale=yes", "overdue=1", "q=", f"q={'x' * 201}", "created_after=soon",
    "created_before=", "completed_after=nan", "completed_before=-1e99", "sort=colour", "sort=", "sort=name,name",
    "limit=0", "limit=10001", "limit=-1", "cursor=x", "fields=", "fields=name,zip", "format=xml", "colour=red",
    "limit=1&limit=2", "host=", "host=a,", f"host={'x' * 256}", f"host={','.join('a' * 101)}", "host=a&host=b",
    "&".join(f"tag={number}" for number in range(11)),
])  # fmt: skip
def test_what_cannot_be_asked_is_400_and_named(server: Running, query: str) -> None:
    reply = server.call("GET", f"/tasks?{query}")
    assert reply.status == 400
    assert [flaw["parameter"] for flaw in reply.json["errors"]] == [query.partition("=")[0]]


@pytest.mark.parametrize("parameters", [
    {"limit": 5}, {"limit": 1, "sort": "-priority,created_at"}, {"limit": 5, "sort": "-completed_at"}, {"limit": 12},
    {"limit": 2, "tag": ["even", "third"]}, {"limit": 3, "created_after": -3600, "fields": "task_id,tags", "q": "task"},
    {"limit": 1, "host": "gpu-1,gpu-3", "sort": "-name"},
])  # fmt: skip
def test_following_the_links_gives_each_task_once(server: Running, parameters: dict[str, Any]) -> None:
    whole = listed(server, **{name: value for name, value in parameters.items() if name != "limit"})
    path: str | None = f"/tasks?{urlencode(parameters, doseq=True)}"
    found, pages = [], 0
    while path is not None:
        reply = server.call("GET", path)
        assert reply.headers["X-Total-Count"] == str(len(whole)) and 0 < len(reply.json) <= parameters["limit"]
        found += [task["task_id"] for task in reply.json]
        path, pages = following(reply), pages + 1
    assert found == whole and pages == -(-len(whole) // parameters["limit"])


def test_a_link_says_what_was_asked_in_absolute_times(server: Running) -> None:
    reply = server.call("GET", "/tasks?limit=1&tag=even&created_after=-60&sort=-name&fields=name&format=csv")
    link = following(reply) or ""
    assert "tag=even" in link and "sort=-name&" in link and "fields=name" in link and "format=csv" in link
    assert "created_after=20" in link and "created_before" not in link and "status" not in link


@pytest.mark.parametrize("form", ["json", "ndjson", "csv", "parquet"])
def test_the_tasks_of_a_machine_come_in_every_form_with_its_name(server: Running, form: str) -> None:
    reply = server.call("GET", f"/tasks?host=gpu-3&sort=-task_id&limit=1&format={form}")
    assert reply.headers["X-Total-Count"] == "2" and "host=gpu-3" in (following(reply) or "")
    assert b"gpu-3" in reply.body and b"gpu-1" not in reply.body


def test_the_cursor_of_another_query_is_400(server: Running) -> None:
    link = following(server.call("GET", "/tasks?limit=2&tag=even")) or ""
    reply = server.call("GET", link.replace("tag=even", "tag=third"))
    assert reply.status == 400 and reply.pointers == ["cursor"] and "another query" in reply.json["detail"]


def test_only_the_fields_that_were_asked_for(server: Running) -> None:
    tasks = server.call("GET", "/tasks?fields=status,task_id,error&status=completed").json
    assert tasks[0] == {"status": "completed", "task_id": 3, "error": None} and next(iter(tasks[0])) == "status"


def test_a_list_has_a_weak_tag_of_its_moment_and_its_question(server: Running) -> None:
    first = server.call("GET", "/tasks?limit=2")
    tag = first.headers["ETag"]
    assert tag.startswith('W/"') and first.headers["Vary"].startswith("Accept")
    assert first.headers["X-Vain-Seq"].isdigit() and first.headers["X-Vain-Epoch"] in tag
    again = server.call("GET", "/tasks?limit=2", headers={"If-None-Match": tag})
    assert (again.status, again.body, again.headers["ETag"]) == (304, b"", tag)
    for path, accept in (
        ("/tasks?limit=3", "*/*"),
        ("/tasks?limit=2&fields=name", "*/*"),
        ("/tasks?limit=2", "text/csv"),
    ):
        assert server.call("GET", path, headers={"If-None-Match": tag, "Accept": accept}).status == 200
    made = server.make(name="one more")["task_id"]
    assert server.call("GET", "/tasks?limit=2", headers={"If-None-Match": tag}).status == 200
    server.call("DELETE", f"/tasks/{made}")


def test_the_same_tasks_in_every_form(server: Running, tmp_path: Path) -> None:
    tasks = server.call("GET", "/tasks").json
    ndjson = server.call("GET", "/tasks", headers={"Accept": "application/x-ndjson"})
    assert ndjson.headers["Content-Type"] == "application/x-ndjson"
    assert [json.loads(line) for line in ndjson.body.splitlines()] == tasks
    table = server.call("GET", "/tasks?format=csv")
    assert table.headers["Content-Type"] == "text/csv; charset=utf-8; header=present"
    assert table.headers["Content-Disposition"] == 'attachment; filename="vain-tasks.csv"'
    rows = list(csv.DictReader(io.StringIO(table.body.decode(), newline="")))
    assert [int(row["task_id"]) for row in rows] == [task["task_id"] for task in tasks]
    assert rows[0]["name"] == f"'{EVIL}"
    packed = server.call("GET", "/tasks", headers={"Accept": "application/vnd.apache.parquet"})
    (tmp_path / "x").write_bytes(packed.body)
    columns = arro3.io.read_parquet(tmp_path / "x").read_all()
    assert columns.column("task_id").to_pylist() == [task["task_id"] for task in tasks]
    assert columns.column("name").to_pylist()[0] == EVIL


def test_a_form_that_there_is_not_is_406(server: Running) -> None:
    for path in ("/tasks", "/tasks/1/history"):
        reply = server.call("GET", path, headers={"Accept": "image/png"})
        assert (reply.status, reply.json["title"]) == (406, "Not acceptable")


def test_a_history_in_every_form(server: Running, tmp_path: Path) -> None:
    path = "/tasks/3/history"
    changes = server.call("GET", path).json
    ndjson = server.call("GET", f"{path}?format=ndjson")
    assert [json.loads(line) for line in ndjson.body.splitlines()] == changes
    rows = list(csv.DictReader(io.StringIO(server.call("GET", f"{path}?format=csv").body.decode(), newline="")))
    assert [(row["action"], row["status"], row["previous_status"]) for row in rows] == [
        ("created", "pending", ""), ("updated", "completed", "pending"),
    ]  # fmt: skip
    (tmp_path / "x").write_bytes(server.call("GET", f"{path}?format=parquet").body)
    columns = arro3.io.read_parquet(tmp_path / "x").read_all()
    assert columns.column("seq").to_pylist() == [change["seq"] for change in changes]
    assert columns.column("changed").to_pylist()[1] == changes[1]["changed"]
    assert server.call("GET", "/tasks/999/history?format=parquet").status == 404


@pytest.mark.parametrize("form", ["json", "ndjson", "csv", "parquet"])
def test_an_empty_list_is_well_formed(server: Running, tmp_path: Path, form: str) -> None:
    reply = server.call("GET", f"/tasks?key=none&format={form}&fields=task_id,tags")
    assert (reply.status, reply.headers["X-Total-Count"]) == (200, "0")
    if form == "parquet":
        (tmp_path / "x").write_bytes(reply.body)
        assert arro3.io.read_parquet(tmp_path / "x").read_all().num_rows == 0
    else:
        assert reply.body == {"json": b"[]", "ndjson": b"", "csv": b"task_id,tags\r\n"}[form]


@pytest.mark.slow
@pytest.mark.parametrize("form", ["json", "ndjson", "csv", "parquet"])
def test_a_long_list_comes_in_parts_and_is_whole(tmp_path: Path, form: str) -> None:
    with running(tmp_path) as server:
        for _ in range(2):
            drafts = [{"name": "x", "description": "d" * 3_000} for _ in range(200)]
            assert server.call("POST", "/tasks/bulk", drafts).status == 201
        reply = server.call("GET", f"/tasks?sort=-task_id&format={form}")
        assert reply.headers["X-Total-Count"] == "400"
        # 1.2 MB of text; a Parquet file of it is small.
        assert reply.headers["Transfer-Encoding"] == (None if form == "parquet" else "chunked")
        (tmp_path / "x").write_bytes(reply.body)
        assert numbers_in(tmp_path / "x", form) == list(range(400, 0, -1))


def numbers_in(file: Path, form: str) -> list[int]:
    body = file.read_bytes()
    if form == "parquet":
        found: list[int] = arro3.io.read_parquet(file).read_all().column("task_id").to_pylist()
        return found
    if form == "csv":
        return [int(row["task_id"]) for row in csv.DictReader(io.StringIO(body.decode(), newline=""))]
    tasks = json.loads(body) if form == "json" else map(json.loads, body.splitlines())
    return [task["task_id"] for task in tasks]


@pytest.mark.slow
def test_a_client_that_leaves_in_the_middle_leaves_nothing_behind(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        for _ in range(3):
            drafts = [{"name": "x", "description": "d" * 3_500} for _ in range(500)]
            assert server.call("POST", "/tasks/bulk", drafts).status == 201
        for form in ("csv", "parquet", "json"):
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
            connection.request("GET", f"/tasks?format={form}&sort=-task_id")
            connection.getresponse().read(10)
            connection.close()
        # It goes on, and stopping it waits for nothing.
        assert len(server.call("GET", "/tasks?fields=task_id").json) == 1_500


def test_every_field_may_be_asked_for(server: Running) -> None:
    fields = ",".join(Task.__struct_fields__)
    assert server.call("GET", f"/tasks?fields={fields}&limit=1").json == server.call("GET", "/tasks?limit=1").json


def page(server: Running, query: str) -> dict[str, Any]:
    reply = server.call("GET", f"/tasks/page?{query}")
    assert reply.status == 200 and reply.headers["X-Vain-Seq"] == str(reply.json["seq"])
    found: dict[str, Any] = reply.json
    return found


def test_a_page_by_its_place_has_the_counts_of_all(server: Running) -> None:
    found = page(server, "limit=3&offset=1&sort=task_id&status=pending")
    assert [task["task_id"] for task in found["tasks"]] == [2, 4, 5] and found["total"] == 8
    assert found["counts"] == {"pending": 8, "in_progress": 0, "completed": 4, "failed": 1, "overdue": 1}
    assert [task["task_id"] for task in page(server, "limit=1")["tasks"]] == [12]
    for query, numbers in (
        ("trouble=any", [5, 9]), ("trouble=failed", [9]), ("tag=third&q=task+1", [12]),
        ("host=gpu-1", [5, 9]), ("host=gpu-1,gpu-3", []), ("host=gpu-1&trouble=failed", [9]),
        ("task_id=7", [7]), ("outcome=failed&completed_after=-3600", [9]), ("priority=high&status=completed", []),
    ):  # fmt: skip
        assert [task["task_id"] for task in page(server, f"{query}&sort=task_id")["tasks"]] == numbers


@pytest.mark.parametrize("query", [
    "status=pending,completed", "priority=x", "outcome=x", "tag=", "q=", "trouble=much", "completed_after=x",
    "task_id=0", "sort=name,status", "sort=colour", "limit=0", "limit=1001", "offset=-1", "cursor=x", "host=",
    f"host={'x' * 256}",
])  # fmt: skip
def test_what_no_page_can_be_asked_is_400_and_named(server: Running, query: str) -> None:
    reply = server.call("GET", f"/tasks/page?{query}")
    assert (reply.status, reply.pointers) == (400, [query.partition("=")[0]])
