"""``/ws/tasks`` against RFC 6455, and against a plain Tornado WebSocket beside it: nothing worse than Tornado's own."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator

import pytest
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application
from tornado.websocket import WebSocketHandler

from tests.web.harness import Running, running
from tests.web.raw_websocket import BOUND_SECONDS, Outcome, answered, outcome, upgrade
from tests.web.websocket_cases import CASES, HANDSHAKES, Case, Handshake
from vain.messages import PROTOCOL
from vain.web.event_socket import LARGEST_MESSAGE
from vain.web.mounts import SOCKET_PATH

pytestmark = pytest.mark.slow


class Plain(WebSocketHandler):
    """Says that a message came, in the words of ``vain.v1`` for one that it does not understand."""

    def on_message(self, message: str | bytes) -> None:
        self.write_message({"type": "error"})


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("data")) as made:
        yield made


@pytest.fixture(scope="module")
def plain_port(server: Running) -> Iterator[int]:
    """Of a server that is only Tornado's, with the settings of ours, on the same loop."""
    (listening,) = bind_sockets(0, "127.0.0.1", family=socket.AF_INET)
    settings = {"websocket_ping_interval": 20, "websocket_ping_timeout": 20}
    application = Application([(SOCKET_PATH, Plain)], websocket_max_message_size=LARGEST_MESSAGE, **settings)
    plain = server.on_loop(lambda: HTTPServer(application))
    server.on_loop(lambda: plain.add_sockets([listening]))
    yield listening.getsockname()[1]
    server.on_loop(plain.stop)
    server.await_on_loop(plain.close_all_connections())


@pytest.fixture(scope="module")
def tornados(plain_port: int) -> dict[Case, Outcome]:
    """What plain Tornado made of the cases so far."""
    return {}


def of_plain(case: Case, port: int, known: dict[Case, Outcome]) -> Outcome:
    if case not in known:
        known[case] = outcome(port, upgrade("localhost"), case.sent, case.piece, not case.is_ended)
    return known[case]


def named(case: Case | Handshake) -> str:
    return case.name


@pytest.mark.parametrize("case", CASES, ids=named)
def test_tornado_departs_from_the_rfc_where_that_is_noted(
    plain_port: int, tornados: dict[Case, Outcome], case: Case
) -> None:
    made = of_plain(case, plain_port, tornados)
    assert made.end != "hangs"
    assert bool(case.flaws(made)) == bool(case.departs), made


@pytest.mark.parametrize("protocol", ["", PROTOCOL], ids=["bare", PROTOCOL])
@pytest.mark.parametrize("case", CASES, ids=named)
def test_the_stream_is_not_worse(
    server: Running, plain_port: int, tornados: dict[Case, Outcome], case: Case, protocol: str
) -> None:
    head = upgrade(server.host, f"Sec-WebSocket-Protocol:{protocol}")
    ours = outcome(server.port, head, case.sent, case.piece, not case.is_ended)
    plain = of_plain(case, plain_port, tornados)
    if not protocol:  # a bare client is not told that it was not understood
        assert ours.messages == 0
        ours, plain = ours._replace(messages=None), plain._replace(messages=None)
    assert ours == plain or not case.flaws(ours), f"{case.flaws(ours)}: {ours} instead of {plain}"


def opening(port: int, host: str, handshake: Handshake) -> str:
    """The head of the answer, without what differs each time."""
    with socket.create_connection(("127.0.0.1", port), timeout=BOUND_SECONDS) as connection:
        connection.sendall(upgrade(host, *handshake.lines, first=handshake.first))
        with connection.makefile("rb") as stream:
            return answered(stream)


@pytest.mark.parametrize("handshake", HANDSHAKES, ids=named)
def test_a_handshake_is_answered_no_worse(server: Running, plain_port: int, handshake: Handshake) -> None:
    plain = opening(plain_port, "localhost", handshake)
    assert bool(handshake.flaws(plain)) == bool(handshake.departs), plain
    ours = opening(server.port, server.host, handshake)
    same = handshake.flaws(ours) == handshake.flaws(plain)
    assert same or not handshake.flaws(ours), f"{handshake.flaws(ours)}: {ours}"


def test_another_version_is_a_problem_that_names_ours(server: Running) -> None:
    asked = upgrade(server.host, "Sec-WebSocket-Version: 8")
    head, _, body = server.raw(asked, seconds=0.2, until_closed=False).partition(b"\r\n\r\n")
    for line in ("HTTP/1.1 426 ", "Sec-Websocket-Version: 13\r\n", "Upgrade: websocket\r\n", "Connection: Upgrade\r\n"):
        assert line.encode() in head
    assert json.loads(body)["title"] == "Upgrade required" and json.loads(body)["status"] == 426


def test_every_case_has_a_name_of_its_own() -> None:
    assert len({case.name for case in CASES}) == len(CASES) > 200


def test_a_flaw_of_each_kind_is_seen() -> None:
    good, failing, ending = (
        next(case for case in CASES if case.name.endswith(name))
        for name in ("a ping of 1 bytes", "opcode 5", "code 1000")
    )
    assert good.flaws(Outcome("closed", (1002,), (b"?",), 1)) == ["end", "codes", "pongs", "messages"]
    assert good.flaws(Outcome("hangs", (), good.pongs, 0)) == ["end"]
    assert failing.flaws(Outcome("closed", (1002,), (), 0)) == failing.flaws(Outcome("closed")) == []
    assert failing.flaws(Outcome("goes on", (1000,), (), 0)) == ["end", "codes"]
    assert ending.flaws(Outcome("closed", (1000,))) == []
    assert ending.flaws(Outcome("closed", ())) == ["codes"]
