"""RemoteSource: a copy that follows a real server, and what it does when the line is cut or the events have a hole."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from http import HTTPStatus
from pathlib import Path
from queue import Queue
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

from tests.live_server import live_server
from tests.small_server import TASK
from vain import identity
from vain.alerting.alert import SilenceDraft
from vain.alerting.rule import Rule
from vain.bands import MetricQuery
from vain.client import Client
from vain.errors import Invalid, NotFound, Unreachable
from vain.flow.attempts import AttemptQuery
from vain.lanes import LaneQuery
from vain.remote import MOST_NOTIFICATIONS, RemoteSource
from vain.source import Source
from vain.store.keys import KeyRing
from vain.told import NotificationQuery
from vain.types import Task, TaskDraft, TaskPatch, TaskQuery

SAMPLE = {
    "cpu_usage": 5.0, "memory_usage": 50.0, "disk_usage": 1.0, "uptime": 9.0,
    "timestamp": "2026-11-23T03:06:00.000Z", "host": "box", "period_seconds": 0.5, "cpu": {"percent": 5.0},
}  # fmt: skip
HISTORY = {
    "t": [1795403157.0, 1795403158.0, 1795403160.0],
    "series": {"cpu.percent": {"mean": [1.0, None, 9.0], "min": [1.0, None, 9.0], "max": [1.0, None, 9.0]}},
}


def soon(claim: Callable[[], bool], seconds: float = 5.0) -> bool:
    """Whether the claim comes true within the time."""
    deadline = time.monotonic() + seconds
    while not claim() and time.monotonic() < deadline:
        time.sleep(0.01)
    return claim()


class Script:
    """A server that sends on its socket what a test puts in, and answers GET with what stands in ``answers``."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {
            "/tasks": [TASK], "/performance": SAMPLE, "/performance/history": HISTORY, "/notifications": [],
        }  # fmt: skip
        self.asked: list[str] = []
        self.outgoing: Queue[dict[str, Any] | None] = Queue()
        self.connections = 0
        self.url = ""

    def send(self, **message: Any) -> None:
        self.outgoing.put(message)

    def hang_up(self) -> None:
        self.outgoing.put(None)

    def follow(self, connection: ServerConnection) -> None:
        self.connections += 1
        while (message := self.outgoing.get()) is not None:
            connection.send(json.dumps(message))

    def times(self, path: str) -> int:
        """How often it was asked for a path."""
        return sum(asked.partition("?")[0] == path for asked in self.asked)

    def respond(self, connection: ServerConnection, request: Request) -> Response | None:
        path = request.path.partition("?")[0]
        if path == "/ws/tasks":
            return None
        self.asked.append(request.path)
        response = connection.respond(HTTPStatus.OK, json.dumps(self.answers[path]))
        response.headers["Connection"] = "close"
        return response


@pytest.fixture
def script() -> Iterator[Script]:
    script = Script()
    with serve(script.follow, "127.0.0.1", 0, process_request=script.respond, compression=None) as server:
        script.url = f"http://127.0.0.1:{server.socket.getsockname()[1]}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield script
        script.hang_up()
        server.shutdown()
        thread.join()


@contextmanager
def following(url: str) -> Iterator[RemoteSource]:
    with Client(url) as client:
        source = RemoteSource(client)
        try:
            yield source
        finally:
            source.close()
            assert not source._thread.is_alive()


def test_it_is_a_source(script: Script) -> None:
    with following(script.url) as source:
        view: Source = source
        assert (view.host, view.period_seconds) == ("box", 0.5)
        sample = view.latest()
        assert sample is not None and sample.cpu_usage == 5.0


def test_history_before_the_newest_sample_is_read_once(script: Script) -> None:
    with following(script.url) as source:
        assert soon(lambda: script.connections == 1 and script.times("/notifications") == 2)
        columns = source.columns(0)
        assert list(columns.t) == [1795403157.0, 1795403158.0, 1795403160.0]
        assert columns.values["cpu.percent"][2] == 5.0


def test_a_hole_in_the_numbers_reads_everything_anew(script: Script) -> None:
    with following(script.url) as source:
        assert soon(lambda: script.times("/notifications") == 2)
        script.send(type="taskUpdate", action="updated", seq=5, **{**TASK, "version": 2})
        script.send(type="taskUpdate", action="updated", seq=6, **{**TASK, "version": 3})
        script.send(type="taskUpdate", action="updated", seq=8, **{**TASK, "version": 5})
        assert soon(lambda: script.times("/notifications") == 3) and not script.times("/tasks")
        before = source.seq
        script.send(type="taskUpdate", action="updated", seq=9, **{**TASK, "version": 6})
        assert soon(lambda: source.seq > before) and script.times("/notifications") == 3


def test_a_page_is_the_servers_and_no_older_than_its_number(script: Script) -> None:
    page = {"tasks": [TASK], "total": 5, "counts": {"pending": 5}, "seq": 812}
    script.answers["/tasks/page"] = page
    with following(script.url) as source:
        # Everything was read twice: when it was made, and when the socket stood.
        assert soon(lambda: source.seq == 2)
        script.asked.clear()
        found = asyncio.run(source.page(TaskQuery(status="pending", text="x", offset=2, limit=1, trouble="late")))
        assert (found.total, found.counts.pending, found.seq, found.tasks[0].task_id) == (5, 5, 2, 7)
        assert script.asked == ["/tasks/page?status=pending&q=x&sort=-created_at&limit=1&offset=2&trouble=late"]


def test_the_newest_notifications_are_kept_and_the_older_asked_for(script: Script) -> None:
    async def found(source: RemoteSource, query: NotificationQuery) -> list[int]:
        return [notification.notification_id for notification in await source.notifications(query)]

    with following(script.url) as source:
        for number in range(1, MOST_NOTIFICATIONS + 11):
            body = {
                "notification_id": number,
                "timestamp": TASK["created_at"],
                "kind": "k",
                "level": "info",
                "title": "T",
            }
            script.send(type="notification", seq=number, **body)
        assert soon(lambda: asyncio.run(found(source, NotificationQuery(1))) == [MOST_NOTIFICATIONS + 10])
        script.answers["/notifications"] = [{**body, "notification_id": 3}]
        script.asked.clear()
        newest = asyncio.run(found(source, NotificationQuery(MOST_NOTIFICATIONS)))
        assert (len(newest), script.asked) == (MOST_NOTIFICATIONS, [])
        older = NotificationQuery(5, before=12, quiet=False)
        assert asyncio.run(found(source, older)) == [3]
        assert script.asked == ["/notifications?limit=5&before=12&quiet=false"]


def test_an_unknown_message_is_read_over(script: Script) -> None:
    with following(script.url) as source:
        script.send(type="fromTheFuture", tasks={"deep": []})
        script.send(type="performanceUpdate", **{**SAMPLE, "timestamp": "2026-11-23T03:06:01.000Z", "cpu_usage": 6.0})
        assert soon(
            lambda: source.latest() is not None and source._sample is not None and source._sample.cpu_usage == 6.0
        )


@pytest.mark.slow
def test_a_cut_line_is_taken_up_again_and_read_anew(script: Script) -> None:
    with following(script.url) as source:
        assert soon(lambda: script.connections == 1)
        script.answers["/tasks"] = [{**TASK, "task_id": 9}]
        script.hang_up()
        assert soon(lambda: script.connections == 2 and [task.task_id for task in source.tasks()] == [9])


def test_without_a_server_it_says_so_at_once() -> None:
    with pytest.raises(Unreachable, match="is `vain serve` running there"):
        RemoteSource(Client("http://127.0.0.1:1"))


def test_what_another_client_does_appears(tmp_path: Path) -> None:
    with live_server(tmp_path) as url, following(url) as source, Client(url) as other:
        task = other.create("made elsewhere")
        assert soon(lambda: source.tasks() == [task])
        other.delete(task.task_id)
        assert soon(lambda: source.tasks() == [])


def test_changes_go_to_the_server_and_are_seen_at_once(tmp_path: Path) -> None:
    async def work(source: RemoteSource) -> Task:
        task = await source.create(TaskDraft(name="a", tags=["x"]))
        await source.update(task.task_id, TaskPatch(status="completed", outcome="failed"))
        page = await source.page(TaskQuery(status="completed"))
        assert page.total == 1 and page.counts.failed == 1
        await source.delete(task.task_id)
        assert (await source.page(TaskQuery())).total == 0
        with pytest.raises(NotFound):
            await source.delete(task.task_id)
        return page.tasks[0]

    with live_server(tmp_path) as url, following(url) as source:
        assert asyncio.run(work(source)).tags == ["x"]
        assert soon(lambda: len(asyncio.run(source.notifications())) == 1)
        notification = asyncio.run(source.notifications())[0]
        asyncio.run(source.read_notification(notification.notification_id))
        assert asyncio.run(source.notifications())[0].read


@pytest.mark.slow
def test_subscribers_are_called_on_their_loop_until_they_leave(tmp_path: Path) -> None:
    threads: list[int] = []

    async def listen(source: RemoteSource) -> None:
        arrived = asyncio.Event()

        def hear() -> None:
            threads.append(threading.get_ident())
            arrived.set()

        leave = source.subscribe(hear)
        await asyncio.wait_for(arrived.wait(), 10)
        leave()
        called = len(threads)
        await asyncio.sleep(0.3)
        assert len(threads) == called

    with live_server(tmp_path, interval_seconds=0.1) as url, following(url) as source:
        asyncio.run(listen(source))
        assert set(threads) == {threading.get_ident()}


@pytest.mark.slow
def test_any_window_of_the_history_comes_from_the_server(tmp_path: Path) -> None:
    began = 1_790_000_000 // 3600 * 3600
    seconds = began + np.arange(7_200)
    body = "timestamp,cpu.percent\n" + "".join(f"{t},{t % 50}\n" for t in seconds)
    with live_server(tmp_path) as url, following(url) as source:
        source.client.import_history(body.encode(), "csv")
        query = MetricQuery(began, began + 7_200, ("cpu.percent",), 120)
        window, extent = asyncio.run(source.window(query)), asyncio.run(source.extent())
        charts = asyncio.run(source.visualizations(began - 86_400.0, float(began), "Europe/Berlin"))
    assert (window.tier, window.step_seconds, len(window.t)) == ("1m", 60, 120)
    assert window.series["cpu.percent"].max.tolist() == [49.0] * 120
    assert extent is not None and extent[0] == began and charts.window.timezone == "Europe/Berlin"


def test_the_charts_of_some_tasks_come_from_the_server(tmp_path: Path) -> None:
    with live_server(tmp_path) as url, following(url) as source:
        for host in ("gpu-1", "gpu-2"):
            source.client.create("train", tags=["gpu"], priority="high", source={"host": host})
        source.client.create("train")
        asked = AttemptQuery("train", None, "gpu", "high", host="gpu-1")
        charts = asyncio.run(source.visualizations(None, None, "UTC", asked))
        assert charts.task_completion.total == 1


def test_the_lanes_of_tasks_come_from_the_server(tmp_path: Path) -> None:
    with live_server(tmp_path) as url, following(url) as source:
        now = time.time()
        task = source.client.create("train", tags=["gpu"], status="in-progress", source={"host": "gpu-1"})
        source.client.create("other", tags=["gpu"])
        query = LaneQuery(now - 60, now + 60, 500, 5)
        found = asyncio.run(source.lanes(query))
        tagged = asyncio.run(source.lanes(replace(query, tag="gpu", host="gpu-1")))
        # A time goes over the wire in whole milliseconds.
        assert (found.total, found.left_out) == (2, 0) and found.after <= now - 59.999 < now + 59.999 <= found.before
        assert [bar.task_id for bar in tagged.bars] == [task.task_id]
        with pytest.raises(Invalid):
            asyncio.run(source.lanes(LaneQuery(now, now)))


@pytest.mark.slow
def test_the_series_of_tasks_come_from_the_server(tmp_path: Path) -> None:
    with live_server(tmp_path / "data") as url, following(url) as source:
        here = {**identity.this_process(), "kind": "python"}
        made = [source.client.create(name, status="in-progress", source=here).task_id for name in "ab"]
        time.sleep(1)
        names = [f"task.memory_bytes:{number}" for number in made]
        query = MetricQuery(time.time() - 60, time.time(), ("task.memory_bytes",), tasks=tuple(made))
        both = asyncio.run(source.window(query))
        one = asyncio.run(source.window(replace(query, tasks=tuple(made[:1]), metrics=None)))
    assert list(both.series) == names
    assert names[0] in one.series and names[1] not in one.series and "cpu.percent" in one.series


def test_rules_and_silences_go_to_the_server_and_back(tmp_path: Path) -> None:
    async def work(source: RemoteSource) -> None:
        seq = source.seq
        await source.put_rule(Rule(name="busy", metric="cpu.percent", above=101))
        assert [rule.origin for rule in await source.rules() if rule.name == "busy"] == ["api"] and source.seq > seq
        tried = await source.test_rule(Rule(name="new", metric="cpu.percent", above=101), time.time() - 60, time.time())
        assert tried.firings == []
        assert await source.firings(time.time() - 60, time.time()) == []
        made = await source.silence(SilenceDraft(rules=["busy"], seconds=60))
        assert await source.silences() == [made]
        await source.end_silence(made.silence_id)
        await source.drop_rule("busy")
        with pytest.raises(NotFound):
            await source.acknowledge(7)

    with ExitStack() as servers:
        url = servers.enter_context(live_server(tmp_path))
        asyncio.run(work(servers.enter_context(following(url))))


def test_it_follows_a_server_that_was_restarted(tmp_path: Path) -> None:
    with ExitStack() as servers, ExitStack() as rest:
        url = servers.enter_context(live_server(tmp_path))
        source = rest.enter_context(following(url))
        servers.close()
        rest.enter_context(live_server(tmp_path, port=int(url.rpartition(":")[2])))
        other = rest.enter_context(Client(url))
        other.create("made while nobody followed")
        assert soon(lambda: [task.name for task in source.tasks()] == ["made while nobody followed"], 10)
        known = len(source.columns(0).t)
        assert soon(lambda: len(source.columns(0).t) > known)


def test_the_key_goes_with_the_socket_too_and_into_no_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with closing(KeyRing.open(tmp_path)) as ring:
        _, reading = ring.create("viewer", "read")
        _, writing = ring.create("worker", "write")
    with ExitStack() as rest:
        url = rest.enter_context(live_server(tmp_path))
        worker = rest.enter_context(Client(url, writing))
        source = rest.enter_context(closing(RemoteSource(rest.enter_context(Client(url, reading)))))
        assert soon(lambda: source._socket is not None)
        worker.create("x")
        assert soon(lambda: len(source.tasks()) == 1)
    assert reading not in caplog.text
