"""A connection on which nothing comes is closed, and one that closes by itself is forgotten at once."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser import eventually
from tests.web.harness import Running, running
from vain.web import caretaker, exchange

pytestmark = pytest.mark.slow


@pytest.fixture
def impatient(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    monkeypatch.setattr(exchange, "FIRST_SECONDS", 0.2)
    monkeypatch.setattr(exchange, "IDLE_SECONDS", 0.2)
    monkeypatch.setattr(exchange, "BODY_SECONDS", 0.2)
    monkeypatch.setattr(caretaker, "CHECK_SECONDS", 0.05)
    with running(tmp_path) as server:
        yield server


HEAD = b"POST /tasks HTTP/1.1\r\nHost: localhost:%d\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"


@pytest.mark.parametrize("sent", [b"", b"GET /healthz HTTP/1.1\r\nHost: loc", HEAD])
def test_who_does_not_go_on_is_cut_off(impatient: Running, sent: bytes) -> None:
    with socket.create_connection(("127.0.0.1", impatient.port), timeout=5) as connection:
        connection.sendall(sent % impatient.port if b"%d" in sent else sent)
        assert connection.recv(1) == b""


def test_who_opens_a_connection_and_says_nothing_has_less_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "FIRST_SECONDS", 0.2)
    monkeypatch.setattr(caretaker, "CHECK_SECONDS", 0.05)
    with running(tmp_path) as server, socket.create_connection(("127.0.0.1", server.port), timeout=5) as silent:
        assert server.call("GET", "/healthz").status == 200
        assert silent.recv(1) == b""
        assert server.call("GET", "/healthz").status == 200, "on the connection that was used before"


def test_a_connection_that_is_used_again_in_time_stays(impatient: Running) -> None:
    assert [impatient.call("GET", "/healthz").status for _ in range(3)] == [200] * 3


def test_a_connection_that_closed_is_forgotten(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        awaited = server.server._desk._awaited
        for _ in range(5):
            socket.create_connection(("127.0.0.1", server.port)).close()
        server.call("GET", "/healthz")
        assert eventually(lambda: server.on_loop(lambda: len(awaited)) <= 1, 3)
