"""What requests are called."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from tests.web.harness import Running, running
from vain.web.request_ids import request_id


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("data")) as run:
        yield run


@pytest.mark.parametrize("given", ["a", "7f9c-1", "~" * 128, "00-4bf92f3577b34da6a3ce929d0e0e4736-01"])
def test_a_sane_name_is_kept(server: Running, given: str) -> None:
    assert request_id(given) == given
    assert server.call("GET", "/healthz", None, {"X-Request-Id": given}).headers["X-Request-Id"] == given


@pytest.mark.parametrize("given", [None, "", "~" * 129, "a b", "ä", "a\tb", "a\n", "a\x7f"])
def test_any_other_is_replaced_by_one_of_its_own(given: str | None) -> None:
    made = {request_id(given) for _ in range(3)}
    assert len(made) == 3 and given not in made and all(name.isascii() and name.isprintable() for name in made)


def test_every_answer_has_one(server: Running) -> None:
    asked = [
        ("GET", "/tasks"),
        ("HEAD", "/performance"),
        ("OPTIONS", "/tasks"),
        ("GET", "/nowhere"),
        ("BREW", "/tasks"),
    ]
    names = [server.call(method, path).headers["X-Request-Id"] for method, path in asked]
    assert None not in names and len(set(names)) == len(asked)
    tag = server.call("GET", "/performance").headers["ETag"]
    assert server.call("GET", "/performance", None, {"If-None-Match": tag}).headers["X-Request-Id"]


def test_an_error_repeats_it(server: Running) -> None:
    reply = server.call("GET", "/nowhere", None, {"X-Request-Id": "mine"})
    assert reply.json["request_id"] == reply.headers["X-Request-Id"] == "mine"


def test_other_applications_answer_with_it_too(server: Running) -> None:
    head = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "1", "X-Request-Id": "mine"}
    reply = server.call("GET", "/ws/tasks", None, head)
    assert reply.status >= 400 and reply.headers["X-Request-Id"] == "mine" and reply.json["request_id"] == "mine"


def test_the_log_of_a_failure_has_it(
    server: Running, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(asked: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(server.server._services.charts, "get", fail)
    with caplog.at_level(logging.ERROR):
        reply = server.call("GET", "/visualizations?tag=secret", None, {"X-Request-Id": "find-me"})
    assert (reply.status, reply.json["request_id"]) == (500, "find-me")
    assert caplog.messages == ["A request failed (GET /visualizations, find-me)"]
