"""The client: what it sends, what it makes of answers, and what it says when there is none."""

from __future__ import annotations

import math
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.live_server import live_server
from tests.small_server import TASK, Answer, SmallServer, answer, problem, small_server
from vain import errors
from vain.alerting.rule import Rule
from vain.answers import QualitySpan
from vain.client import Client
from vain.errors import Flaw, VainError
from vain.store.keys import KeyRing
from vain.types import Task

GAP = {"cause": "stopped", "from": 1e9, "to": 1e9 + 1, "series": None}
KEY = "vain_k3v9x0ab_" + "a" * 49


@pytest.fixture
def server() -> Iterator[SmallServer]:
    with small_server() as server:
        yield server


@pytest.fixture
def client(server: SmallServer) -> Iterator[Client]:
    with Client(server.url, KEY, timeout_seconds=5) as client:
        yield client


def test_tasks_are_typed_and_unknown_fields_are_read_over(server: SmallServer, client: Client) -> None:
    server.answers["GET /tasks"] = answer([{**TASK, "from_the_future": 1}])
    assert client.tasks() == [Task(7, "nightly backup", "pending", "medium", "2026-11-23T03:06:00.123Z")]


@pytest.mark.parametrize(("asked", "query"), [
    ({}, ""), ({"status": "completed", "limit": None}, "?status=completed"),
    ({"status": ["pending", "completed"]}, "?status=pending%2Ccompleted"), ({"tag": "gpu"}, "?tag=gpu"),
    ({"tag": ["gpu", "a b"]}, "?tag=gpu&tag=a+b"), ({"key": "etl", "parent_id": 1}, "?key=etl&parent_id=1"),
    ({"host": "gpu-1"}, "?host=gpu-1"), ({"host": ["gpu-1", "gpu-2"]}, "?host=gpu-1%2Cgpu-2"), ({"host": []}, ""),
    ({"host": ""}, "?host="),
    ({"text": "NIGHT"}, "?q=NIGHT"), ({"text": "", "tag": [], "status": ()}, ""),
    ({"stale": True, "overdue": False}, "?stale=true&overdue=false"),
    ({"completed_before": -60}, "?completed_before=-60.000"),
    ({"created_after": datetime(2026, 12, 1, tzinfo=UTC)}, "?created_after=2026-12-01T00%3A00%3A00.000Z"),
    ({"sort": "-priority,created_at"}, "?sort=-priority%2Ccreated_at"),
])  # fmt: skip
def test_the_server_picks_and_sorts(server: SmallServer, client: Client, asked: dict[str, Any], query: str) -> None:
    server.answers["GET /tasks"] = answer([TASK])
    assert len(client.tasks(**asked)) == 1
    assert [asked.path for asked in server.asked] == [f"/tasks{query}"]


def test_a_limit_is_asked_in_pages_that_the_server_takes(server: SmallServer, client: Client) -> None:
    following = {"Link": '</prefix/tasks?limit=2&cursor=abc>; rel="next"'}
    server.answers["GET /tasks"] = answer([TASK, TASK], headers=following)
    assert client.tasks(limit=0) == [] and server.asked == []
    assert len(client.tasks(limit=2, key="k")) == 2
    assert len(client.tasks(limit=3)) == 3
    server.answers["GET /tasks"] = answer([TASK])
    assert len(client.tasks(limit=20_000)) == 1
    assert [asked.path for asked in server.asked] == [
        "/tasks?key=k&limit=2", "/tasks?limit=3", "/tasks?limit=2&cursor=abc", "/tasks?limit=10000",
    ]  # fmt: skip


def test_pages_are_asked_for_when_they_are_needed(server: SmallServer, client: Client) -> None:
    server.answers["GET /tasks"] = answer([TASK, TASK], headers={"Link": '</tasks?limit=2&cursor=abc>; rel="next"'})
    tasks = client.iter_tasks(2, status="pending")
    assert server.asked == []
    assert [next(tasks).task_id for _ in range(2)] == [7, 7] and len(server.asked) == 1
    server.answers["GET /tasks"] = answer([TASK])
    assert len(list(tasks)) == 1 and [asked.path for asked in server.asked[1:]] == ["/tasks?limit=2&cursor=abc"]


def test_the_number_of_tasks_and_only_some_fields(server: SmallServer, client: Client) -> None:
    server.answers["GET /tasks"] = answer([{"task_id": 7}], headers={"X-Total-Count": "41"})
    assert client.count_tasks(outcome="failed") == 41
    assert client.task_rows(["task_id"], tag="a") == [{"task_id": 7}]
    assert [asked.path for asked in server.asked] == [
        "/tasks?outcome=failed&limit=1&fields=task_id", "/tasks?tag=a&fields=task_id",
    ]  # fmt: skip
    server.answers["GET /tasks"] = answer([])
    with pytest.raises(errors.Unreachable, match="how many tasks"):
        client.count_tasks()


def test_many_tasks_are_sent_at_once(server: SmallServer, client: Client) -> None:
    server.answers["POST /tasks/bulk"] = answer([TASK, TASK], 201)
    server.answers["POST /tasks/bulk-update"] = answer([TASK])
    assert len(client.create_many({"name": name} for name in "ab")) == 2
    assert client.update_many(iter([7]), status="completed", due_at=None)[0].task_id == 7
    made, changed = server.asked
    assert made.body == b'[{"name":"a"},{"name":"b"}]' and made.headers["Idempotency-Key"]
    assert changed.body == b'{"ids":[7],"patch":{"status":"completed","due_at":null}}'


def test_a_table_is_the_bytes_of_a_file(server: SmallServer, client: Client) -> None:
    server.answers["GET /tasks"] = Answer(200, b"PAR1", "application/vnd.apache.parquet")
    assert client.task_table("parquet", ["name", "tags"], status="completed") == b"PAR1"
    assert server.asked[0].path == "/tasks?status=completed&format=parquet&fields=name%2Ctags"


def test_a_status_that_there_is_not_is_refused_and_finds_not_just_nothing(server: SmallServer, client: Client) -> None:
    with pytest.raises(errors.Invalid, match="status"):
        client.tasks(status="in_progress")  # type: ignore[arg-type]  # what is refused
    assert server.asked == []


def test_key_goes_in_the_header_and_nowhere_else(server: SmallServer, client: Client) -> None:
    server.answers["GET /tasks/7"] = answer(TASK)
    client.task(7)
    asked = server.asked[0]
    assert asked.headers["Authorization"] == f"Bearer {KEY}" and KEY not in asked.path


def test_create_sends_json_and_an_idempotency_key_of_its_own(server: SmallServer, client: Client) -> None:
    server.answers["POST /tasks"] = answer(TASK, 201)
    for _ in range(2):
        client.create("backup", tags=["a"], due_at=datetime(2026, 12, 1, tzinfo=UTC))
    first, second = server.asked
    assert first.body == b'{"name":"backup","tags":["a"],"due_at":"2026-12-01T00:00:00Z"}'
    assert first.headers["Content-Type"] == "application/json"
    assert first.headers["Idempotency-Key"] != second.headers["Idempotency-Key"]


def test_update_and_delete_name_the_task(server: SmallServer, client: Client) -> None:
    server.answers["PUT /tasks/7"] = answer({**TASK, "status": "completed"})
    server.answers["DELETE /tasks/7"] = Answer(204)
    assert client.update(7, status="completed").status == "completed"
    client.delete(7)
    assert [(asked.method, asked.path) for asked in server.asked] == [("PUT", "/tasks/7"), ("DELETE", "/tasks/7")]
    assert server.asked[0].body == b'{"status":"completed"}'


def test_wait_returns_the_completed_tasks_in_the_order_given(tmp_path: Path) -> None:
    with live_server(tmp_path) as url, Client(url) as client:
        one, two, three = (client.create(name, status="in-progress").task_id for name in "abc")
        client.update(two, status="completed", outcome="failed")
        thread = threading.Timer(0.1, lambda: client.update(one, status="completed"))
        thread.start()
        found = client.wait(one, two, one, timeout_seconds=5)
        assert [(task.task_id, task.outcome) for task in found] == [(one, "succeeded"), (two, "failed")]
        assert [task.task_id for task in client.wait(three, two, any_=True)] == [two]
        assert client.wait() == []
        thread.join()


def test_wait_gives_up_after_its_time_and_for_a_task_that_there_is_not(server: SmallServer, client: Client) -> None:
    server.answers["GET /tasks/7"] = answer(TASK)
    began = time.monotonic()
    with pytest.raises(TimeoutError, match=r"Task 7 is not completed after 0\.15 s") as caught:
        client.wait(7, timeout_seconds=0.15)
    assert isinstance(caught.value, errors.TimedOut) and 0.14 < time.monotonic() - began < 1
    with pytest.raises(errors.NotFound):
        client.wait(8)


@pytest.mark.slow
def test_wait_lives_through_a_server_that_is_away(server: SmallServer, client: Client) -> None:
    server.answers["GET /tasks/7"] = answer(TASK)
    done = {**TASK, "status": "completed", "outcome": "succeeded"}
    steps = [problem(503, "Starting."), Answer(502, b"", "text/html"), answer(done)]

    def go_on() -> None:
        for step in steps:
            time.sleep(0.12)
            server.answers["GET /tasks/7"] = step

    thread = threading.Thread(target=go_on)
    thread.start()
    assert client.wait(7, timeout_seconds=10)[0].outcome == "succeeded"
    thread.join()


def test_wait_for_nobody_is_told_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    with pytest.raises(errors.Unreachable):
        Client(url).wait(7, timeout_seconds=60)


@pytest.mark.slow
def test_a_silent_server_does_not_hold_wait_beyond_its_time(server: SmallServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        with pytest.raises(errors.TimedOut):
            Client(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout_seconds=30).wait(7, timeout_seconds=0.1)
        assert time.monotonic() - began < 1.5


def test_a_log_grows_and_is_read_from_where_one_is(tmp_path: Path) -> None:
    with live_server(tmp_path) as url, Client(url) as client:
        task_id = client.create("job").task_id
        assert client.log(task_id) == (b"", 0)
        client.append_log(task_id, "höhe\n")
        client.append_log(task_id, b"\xff")
        assert client.log(task_id) == ("höhe\n".encode() + b"\xff", 7)
        assert client.log(task_id, after=6) == (b"\xff", 7) and client.log(task_id, after=7) == (b"", 7)
        client.append_log(task_id, b"x" * 65_536)
        body, end = client.log(task_id)
        assert (len(body), end) == (65_536, 65_543)
        with pytest.raises(errors.NotFound):
            client.log(999)


def test_pings_make_a_task_and_end_it(tmp_path: Path) -> None:
    with live_server(tmp_path) as url, Client(url) as client:
        begun = client.ping("nightly/etl", "start", name="ETL", every="26h", grace=3600)
        assert (begun.key, begun.name, begun.status) == ("nightly/etl", "ETL", "in-progress")
        client.ping("nightly/etl", "log", "rows: 7\n")
        ended = client.ping("nightly/etl", 0, b"done\n")
        assert (ended.task_id, ended.outcome, ended.exit_code) == (begun.task_id, "succeeded", 0)
        assert client.log(ended.task_id)[0] == b"rows: 7\ndone\n"
        assert client.ping("nightly/etl", "fail").outcome == "failed" and client.ping("x").outcome == "succeeded"
        with pytest.raises(errors.Malformed, match="every"):
            client.ping("x", every="often")


def test_an_ended_client_cuts_off_calls_and_takes_no_more(server: SmallServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = Client(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout_seconds=30)
        threading.Timer(0.1, client.end).start()
        for _ in range(2):
            with pytest.raises(errors.Unreachable):
                client.tasks()


def test_a_client_that_nobody_closed_leaves_no_connection(server: SmallServer) -> None:
    server.answers["GET /tasks"] = answer([])
    Client(server.url).tasks()
    assert server.hung_up.wait(5)  # and no ResourceWarning, which would be an error


def test_history_becomes_columns_with_nan_for_gaps(server: SmallServer, client: Client) -> None:
    series = {"cpu.percent": {"mean": [1.0, None], "min": [0.5, None], "max": [2, None]}}
    server.answers["GET /performance/history"] = answer({"t": [1e9, 1e9 + 1], "series": series, "quality": [GAP]})
    history = client.history(after=-60, before=1e9, metrics=["cpu.percent", "load.1m"], points=100)
    columns = history.columns("max")
    assert list(columns.t) == [1e9, 1e9 + 1] and columns.values["cpu.percent"][0] == 2.0
    assert math.isnan(columns.values["cpu.percent"][1])
    assert history.quality == [QualitySpan("stopped", 1e9, 1e9 + 1, None)] and history.baseline is None
    query = "after=-60.000&before=2001-09-09T01%3A46%3A40.000Z&points=100&metrics=cpu.percent%2Cload.1m"
    assert server.asked[0].path == f"/performance/history?{query}"


def test_history_of_a_task_comes_with_the_run_before(server: SmallServer, client: Client) -> None:
    span = {"t": [1.0], "series": {}, "tier": "1m", "step": 60, "quality": [], "after": 0, "before": 60}
    server.answers["GET /performance/history"] = answer({**span, "baseline": span})
    history = client.history(task_id=7, baseline="previous")
    assert history.baseline and (history.baseline.tier, history.baseline.before) == ("1m", 60)
    client.history()
    assert [asked.path.partition("?")[2] for asked in server.asked] == [
        "task_id=7&baseline=previous",
        "after=-3600.000",
    ]


def test_tables_and_imports_are_bytes_of_their_own_type(server: SmallServer, client: Client) -> None:
    server.answers["GET /performance/history"] = Answer(200, b"ARROW", "application/vnd.apache.arrow.stream")
    server.answers["POST /performance/history"] = answer({"rows": 3, "series": 2}, 201)
    assert client.history_table("arrow", before=1e9) == b"ARROW"
    assert client.import_history(b"PAR1").rows == 3 and client.import_history(b"timestamp", "csv").series == 2
    asked = [(one.headers["Content-Type"], one.body) for one in server.asked[1:]]
    assert asked == [("application/vnd.apache.parquet", b"PAR1"), ("text/csv", b"timestamp")]
    assert server.asked[0].path.endswith("?before=2001-09-09T01%3A46%3A40.000Z&format=arrow")


def test_charts_are_asked_for_a_window_of_a_time_zone(tmp_path: Path) -> None:
    with live_server(tmp_path) as url, Client(url) as client:
        charts = client.visualizations(after=-3 * 86_400, interval="day", timezone="Europe/Berlin")
        assert (charts.window.interval, charts.window.timezone) == ("day", "Europe/Berlin")
        with pytest.raises(errors.Malformed, match="timezone"):
            client.visualizations(timezone="Moon/Crater")


@pytest.mark.slow
def test_an_import_of_a_real_server_is_there_at_once_in_every_format(tmp_path: Path) -> None:
    csv = "timestamp,room.celsius\n2026-11-23T09:30:00Z,20.5\n2026-11-23T09:30:01Z,\n2026-11-23T09:30:02Z,21.5\n"
    with live_server(tmp_path) as url, Client(url) as client:
        imported = client.import_history(csv.encode(), "csv")
        assert (imported.rows, imported.series) == (3, 1)
        window = {"after": "2026-11-23T09:30:00Z", "before": "2026-11-23T09:30:03Z", "metrics": ["room.*"]}
        assert client.history(**window).series["room.celsius"].max == [20.5, None, 21.5]
        table = client.history_table("csv", **window).decode()
        assert table.startswith("timestamp,room.celsius,quality\n2026-11-23T09:30:00.000Z,20.5,\n")
        again = client.import_history(client.history_table("parquet", **window))
        assert again.rows == 3 and client.history(**window).series["room.celsius"].max == [20.5, None, 21.5]
        with pytest.raises(errors.Invalid, match="row 1 has 'warm'"):
            client.import_history(b"timestamp,a\n1,warm\n", "csv")


def test_notifications_are_read_and_marked(server: SmallServer, client: Client) -> None:
    known = {"notification_id": 3, "timestamp": TASK["created_at"], "kind": "k", "level": "info", "title": "T"}
    server.answers["GET /notifications"] = answer([known])
    server.answers["PATCH /notifications/3"] = answer(known)
    assert client.notifications(limit=9)[0].title == "T"
    client.read_notification(3)
    client.notifications(5, 3, level="error", kind="task", quiet=False, read=True)
    assert [asked.path for asked in server.asked] == [
        "/notifications?limit=9",
        "/notifications/3",
        "/notifications?limit=5&before=3&level=error&kind=task&quiet=false&read=true",
    ]
    assert server.asked[1].body == b'{"read":true}'


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, errors.Malformed), (401, errors.Unauthenticated), (403, errors.Forbidden), (404, errors.NotFound),
        (406, errors.NotAcceptable), (409, errors.Conflict), (412, errors.PreconditionFailed), (413, errors.TooLarge),
        (415, errors.UnsupportedMediaType), (421, errors.WrongHost), (422, errors.Invalid), (503, errors.Unavailable),
        (507, errors.StoreFull), (500, VainError), (418, VainError),
    ],
)  # fmt: skip
def test_problem_becomes_its_error(server: SmallServer, client: Client, status: int, error: type[VainError]) -> None:
    flaw = {"pointer": "/name", "detail": "too long"}
    server.answers["GET /tasks"] = problem(status, "What was wrong.", errors=[flaw])
    with pytest.raises(error) as caught:
        client.tasks()
    assert type(caught.value) is error and caught.value.detail == "What was wrong."
    assert caught.value.flaws == (Flaw("too long", pointer="/name"),)


def test_problems_that_carry_more_keep_it(server: SmallServer, client: Client) -> None:
    server.answers["GET /tasks"] = problem(429, "Slow down.")._replace(headers={"Retry-After": "7"})
    with pytest.raises(errors.TooManyRequests) as slow:
        client.tasks()
    server.answers["GET /tasks"] = problem(405, "Not so.")._replace(headers={"Allow": "PUT, DELETE"})
    with pytest.raises(errors.MethodNotAllowed) as method:
        client.tasks()
    server.answers["GET /tasks"] = problem(422, "Twice.", "/problems/idempotency-key-reused")
    with pytest.raises(errors.KeyMismatch):
        client.tasks()
    assert (slow.value.retry_after_seconds, method.value.allow) == (7, ("PUT", "DELETE"))


@pytest.mark.parametrize(
    "told",
    [Answer(200, b"<html>"), Answer(404, b"<html>", "text/html"), Answer(302, headers={"Location": "http://x/"})],
)
def test_what_is_not_vain_is_not_taken_for_it(server: SmallServer, client: Client, told: Answer) -> None:
    server.answers["GET /tasks"] = told
    with pytest.raises(errors.Unreachable, match=r"is not vAIn|does not speak"):
        client.tasks()
    assert len(server.asked) == 1


def test_without_a_server_the_address_and_the_cure_are_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    with pytest.raises(errors.Unreachable, match=rf"{url}.*is `vain serve` running"):
        Client(url).tasks()


def test_a_server_behind_a_path_is_found(server: SmallServer) -> None:
    server.answers["GET /box/tasks"] = answer([TASK])
    with Client(f"{server.url}/box/") as client:
        assert len(client.tasks()) == 1


def test_a_silent_server_is_given_up(server: SmallServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = Client(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout_seconds=0.1)
        with pytest.raises(errors.Unreachable, match=r"within 0\.1 s"):
            client.tasks()


def test_one_connection_is_kept_for_requests_after_each_other(server: SmallServer, client: Client) -> None:
    server.answers["GET /tasks"] = answer([])
    for _ in range(5):
        client.tasks()
    assert len({asked.peer_port for asked in server.asked}) == 1


@pytest.mark.parametrize("method", ["tasks", "create", "update", "delete"])
def test_a_kept_connection_that_was_closed_is_replaced(server: SmallServer, client: Client, method: str) -> None:
    server.answers["GET /tasks"] = answer([], hangs_up=True)
    server.answers |= {"POST /tasks": answer(TASK), "PUT /tasks/7": answer(TASK), "DELETE /tasks/7": Answer(204)}
    client.tasks()
    assert server.hung_up.wait(5)
    calls = {"create": ("x",), "update": (7,), "delete": (7,), "tasks": ()}
    getattr(client, method)(*calls[method])
    assert len(server.asked) == 2


def test_threads_share_a_client(server: SmallServer, client: Client) -> None:
    server.answers["GET /tasks"] = answer([TASK])
    counted: list[int] = []
    threads = [
        threading.Thread(target=lambda: counted.extend(len(client.tasks()) for _ in range(10))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counted == [1] * 80


@pytest.mark.parametrize(("url", "key"), [("ftp://x", None), ("http://x/?q", None), ("http://x", "a\r\nb: c")])
def test_an_address_or_key_that_cannot_be_one_is_refused(url: str, key: str | None) -> None:
    with pytest.raises(errors.Misconfigured, match="would be right"):
        Client(url, key)


def test_every_call_is_understood_by_a_real_server(tmp_path: Path) -> None:
    with live_server(tmp_path) as url, Client(url) as client:
        task = client.create("backup", priority="high", tags=["nightly"], due_at=datetime(2027, 1, 1, tzinfo=UTC))
        assert (task.priority, task.tags, task.due_at) == ("high", ["nightly"], "2027-01-01T00:00:00.000Z")
        assert client.update(task.task_id, status="completed").outcome == "succeeded"
        assert client.task(task.task_id) == client.tasks()[0]
        assert client.visualizations().task_completion.completed == 1
        (notification,) = client.notifications()
        client.read_notification(notification.notification_id)
        assert client.notifications()[0].read
        client.delete(task.task_id)
        with pytest.raises(errors.NotFound):
            client.task(task.task_id)


def test_rules_and_silences_of_a_real_server(tmp_path: Path) -> None:
    with live_server(tmp_path) as url, Client(url) as client:
        rule = Rule(name="failed", tasks=["failed"], channels=[])
        assert client.put_rule(rule).origin == "api"
        task = client.create("etl", status="completed", exit_code=3)
        (shown,) = [each for each in client.rules() if each.name == "failed"]
        (alert,) = shown.firing
        assert (alert.subject, alert.task_id) == ("etl", task.task_id)
        (fired,) = client.notifications(kind="rule.fired")
        assert (fired.notification_id, fired.message) == (alert.notification_id, "exit code 3")
        assert client.acknowledge(fired.notification_id).read
        assert client.put_rule(shown).firing[0].acknowledged_at is not None, "what was read may be put back"
        assert [each.subject for each in client.test_rule("failed").firings] == ["etl"]
        assert client.test_rule(Rule(name="new", tasks=["crashed"]), after=-60).firings == []
        (firing,) = client.firings(after=-60)
        assert (firing.rule, firing.task_id, firing.until) == ("failed", task.task_id, None)
        assert client.firings(before=-3_600, limit=1) == []
        silence = client.silence(["failed"], seconds=60, comment="moving")
        assert [each.silence_id for each in client.silences()] == [silence.silence_id]
        client.end_silence(silence.silence_id)
        client.delete_rule("failed")
        with pytest.raises(errors.NotFound):
            client.test_rule("failed")
        with pytest.raises(errors.Conflict):
            client.acknowledge(client.notifications(kind="task.failed")[0].notification_id)


def test_flaws_of_a_real_server_name_the_field(tmp_path: Path) -> None:
    with live_server(tmp_path) as url, Client(url) as client:
        with pytest.raises(errors.Invalid) as caught:
            client.create("x", priority="urgent")
        assert [flaw.pointer for flaw in caught.value.flaws] == ["/priority"]
        with pytest.raises(errors.Invalid):
            client.update(client.create("y").task_id, due_at=datetime(2027, 1, 1))  # noqa: DTZ001  # what is refused


@pytest.mark.slow
def test_history_of_a_real_server_reaches_to_its_newest_sample(tmp_path: Path) -> None:
    with live_server(tmp_path, interval_seconds=0.1) as url, Client(url) as client:
        deadline = time.monotonic() + 10
        while len(client.history(after=-60).t) < 3 and time.monotonic() < deadline:
            time.sleep(0.05)
        history = client.history(after=-60, metrics=["memory.percent"])
        columns = history.columns()
        assert history.tier == "raw" and list(columns.values) == ["memory.percent"]
        assert len(columns.t) == len(columns.values["memory.percent"]) >= 3
        assert 0 < columns.values["memory.percent"][-1] < 100
        assert client.performance().memory_usage is not None


def test_a_key_opens_a_server_that_asks_for_one(tmp_path: Path) -> None:
    with closing(KeyRing.open(tmp_path)) as ring:
        _, reading = ring.create("viewer", "read")
    with live_server(tmp_path) as url, Client(url, reading) as viewer, Client(url) as nobody:
        assert viewer.tasks() == []
        with pytest.raises(errors.Forbidden):
            viewer.create("x")
        with pytest.raises(errors.Unauthenticated):
            nobody.tasks()
