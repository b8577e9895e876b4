"""``GET /events``, with plain HTTP clients and a real server."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from tests.browser import eventually
from tests.web.harness import Running, running
from vain.messages import ServerMessage
from vain.web import answering, caretaker, events

DURABLE = "streams=tasks,notifications"


class Event(NamedTuple):
    """One server-sent event."""

    id: str | None
    type: str
    data: dict[str, Any]


class Source:
    """Reads the events of an answer as they come (HTML Living Standard, 9.2)."""

    def __init__(self, server: Running, query: str, headers: dict[str, str]) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
        self.connection.request("GET", f"/events?{query}", headers=headers)
        self.answer = self.connection.getresponse()

    def next(self) -> Event:
        fields: dict[str, str] = {}
        while True:
            read = self.answer.readline()
            if not read:
                raise EOFError
            line = read.decode().removesuffix("\n")
            if not line and "data" in fields:
                event = Event(fields.get("id"), fields["event"], json.loads(fields["data"]))
                msgspec.convert(event.data, ServerMessage)
                assert event.data["type"] == event.type
                return event
            if line:
                name, _, value = line.partition(": ")
                assert name in ("id", "event", "data", "retry")
                fields[name] = value


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("data"), interval=0.1) as made:
        yield made


@contextmanager
def source(server: Running, query: str = "", **headers: str) -> Iterator[Source]:
    opened = Source(server, query, {name.replace("_", "-"): value for name, value in headers.items()})
    with closing(opened.connection):
        yield opened


def test_from_now_on_everything_comes(server: Running) -> None:
    with source(server) as events:
        head = events.answer.headers
        assert events.answer.status == 200 and head["Content-Type"] == "text/event-stream; charset=utf-8"
        assert head["Cache-Control"] == "no-store" and "Content-Encoding" not in head
        first = events.next()
        assert first.type == "resumed" and first.id == f"{first.data['epoch']}:{first.data['seq']}"
        server.make(name="new", status="completed")
        seen: dict[str, Event] = {}
        while not seen.keys() >= {"taskUpdate", "notification", "performanceUpdate"}:
            event = events.next()
            seen.setdefault(event.type, event)
        assert seen["taskUpdate"].id == f"{first.data['epoch']}:{first.data['seq'] + 1}"
        assert seen["taskUpdate"].data["name"] == "new" and seen["performanceUpdate"].id is None


def test_a_browser_goes_on_after_the_last_event_that_it_has(server: Running) -> None:
    with source(server, DURABLE) as events:
        events.next()
        server.make(name="first")
        last = events.next().id
        assert last is not None
    server.make(name="missed")
    with source(server, f"{DURABLE}&since=0", Last_Event_ID=last) as events:
        assert events.next().type == "resumed" and events.next().data["name"] == "missed"
    epoch, _, seq = last.rpartition(":")
    with source(server, f"{DURABLE}&since={seq}&epoch={epoch}") as events:
        assert events.next().type == "resumed" and events.next().data["name"] == "missed"


def test_of_another_log_one_begins_anew(server: Running) -> None:
    with source(server, DURABLE, Last_Event_ID="another:3") as events:
        event = events.next()
        assert (event.type, event.data["reset"], event.data["reason"]) == ("snapshot", True, "epoch")


def test_a_snapshot_and_filters_may_be_asked_for(server: Running) -> None:
    mine = server.make(name="mine", tags=["a,b"], priority="high")
    with source(server, f"{DURABLE}&snapshot=true&priority=high,low&tag=a%2Cb") as events:
        snapshot = events.next()
        assert [task["task_id"] for task in snapshot.data["tasks"]] == [mine["task_id"]]
        server.make(name="other")
        server.call("PUT", f"/tasks/{mine['task_id']}", {"priority": "medium"})
        left = events.next()
        assert (left.data["task_id"], left.data["matches"]) == (mine["task_id"], False)


def test_what_happens_on_some_machines_may_be_asked_for(server: Running) -> None:
    with source(server, f"{DURABLE}&host=gpu-1,gpu-2") as events:
        events.next()
        server.make(name="other", source={"host": "gpu-3"})
        mine = server.make(name="mine", source={"host": "gpu-2", "pid": 7})
        assert events.next().data["task_id"] == mine["task_id"]
        server.call("PUT", f"/tasks/{mine['task_id']}", {"source": {"host": "gpu-3"}})
        left = events.next().data
        assert (left["matches"], left["previous"]["source"]["host"]) == (False, "gpu-2")


def test_a_bookmark_keeps_the_connection_and_the_position(server: Running) -> None:
    with source(server, DURABLE) as events:
        first = events.next()
        server.on_loop(server.server._services.fanout.remind)
        bookmark = events.next()
        assert (bookmark.type, bookmark.id) == ("bookmark", first.id)


@pytest.mark.parametrize(("query", "name"), [
    ("since=-1", "since"), ("since=x", "since"), ("streams=dreams", "streams"), ("status=pending,running", "status"),
    ("task_id=1,x", "task_id"), ("colour=red", "colour"), ("tag=", "tag"), ("snapshot=maybe", "snapshot"),
    ("since=1&since=2", "since"), ("epoch=", "epoch"), ("host=", "host"), ("host=a,,b", "host"),
])  # fmt: skip
def test_a_wrong_parameter_is_named(server: Running, query: str, name: str) -> None:
    reply = server.call("GET", f"/events?{query}")
    assert reply.status == 400 and reply.pointers == [name]


def test_an_id_of_nobody_is_named(server: Running) -> None:
    reply = server.call("GET", "/events", headers={"Last-Event-ID": "what"})
    assert reply.status == 400 and reply.pointers == ["Last-Event-ID"]


def test_head_and_options_are_answered_at_once(server: Running) -> None:
    for method, status in (("HEAD", 200), ("OPTIONS", 204)):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
        with closing(connection):
            connection.request(method, "/events")
            assert connection.getresponse().status == status


def test_an_old_client_is_served_until_the_end(server: Running) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as old:
        old.sendall(f"GET /events?streams=performance HTTP/1.0\r\nHost: {server.host}\r\n\r\n".encode())
        received = b""
        while b"event: performanceUpdate" not in received:
            part = old.recv(4_096)
            assert part
            received += part
        assert b"Transfer-Encoding" not in received


def test_a_reader_is_nothing_that_others_wait_for(server: Running) -> None:
    with source(server) as events:
        events.next()
        assert not server.server._desk.under_way


def test_who_leaves_is_forgotten(server: Running) -> None:
    fanout = server.server._services.fanout
    before = set(fanout.clients)
    with source(server) as events:
        events.next()
        (mine,) = fanout.clients - before
    assert eventually(lambda: mine not in fanout.clients, 5)


def test_who_reads_nothing_is_cut_off_and_costs_little(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering, "STALLED_SECONDS", 0.5)
    with running(tmp_path) as server, socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        deaf.connect(("127.0.0.1", server.port))
        deaf.sendall(server.head("GET /events?streams=tasks HTTP/1.1"))
        clients = server.server._services.fanout.clients
        assert eventually(lambda: len(clients) == 1, 5)
        for number in range(60):
            server.make(name=f"{number}", description="d" * 9_000)
        assert eventually(lambda: not clients, 5)


def test_more_than_can_be_are_told_to_come_back(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "MOST_CLIENTS", 0)
    reply = server.call("GET", "/events")
    assert reply.status == 503 and "Retry-After" in reply.headers


def test_it_ends_with_its_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caretaker, "SWEEP_SECONDS", 0.05)
    with running(tmp_path) as server:
        info, secret = server.server._services.keys.create("ci", "read")
        assert server.call("GET", "/events").status == 401
        with source(server, "streams=tasks", Authorization=f"Bearer {secret}") as events:
            events.next()
            server.server._services.keys.revoke(info.key_id)
            with pytest.raises((http.client.IncompleteRead, ConnectionError, EOFError)):
                events.next()


def test_a_server_that_stops_says_so_and_does_not_wait(tmp_path: Path) -> None:
    with running(tmp_path) as server, source(server, "streams=tasks") as events:
        events.next()
        begun = time.monotonic()
        server.await_on_loop(server.server.stop())
        assert events.next().type == "goaway" and time.monotonic() - begun < 8
        assert events.answer.read() == b""
