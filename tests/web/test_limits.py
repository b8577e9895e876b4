"""What one client may take: requests, connections, sockets; and what it is told beyond."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.web.harness import Running, running
from tests.web.test_everything_is_gated import UPGRADE
from vain.errors import TooManyRequests
from vain.settings import load
from vain.web import places, rates
from vain.web.gate import LOCAL, NOBODY, Identity
from vain.web.limits import limits_of
from vain.web.places import Places, address_of, room_for
from vain.web.rates import BURST_SECONDS, Rates

KEY = Identity("write", "ci", "key-1")


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Line:
    """A connection."""

    def __init__(self) -> None:
        self.is_closed = False

    def closed(self) -> bool:
        return self.is_closed


def taken(limit: Rates, client: str, wanted: int) -> int:
    """How many of so many requests were let in."""
    for number in range(wanted):
        try:
            limit.take(client)
        except TooManyRequests:
            return number
    return wanted


# --- requests ----------------------------------------------------------------------------------------------------


def test_a_burst_is_let_in_and_then_the_rate() -> None:
    clock = Clock()
    limit = Rates(500, clock)
    assert taken(limit, "a", 5_000) == pytest.approx(500 * BURST_SECONDS, abs=1)
    for _ in range(5):
        clock.now += 1
        assert taken(limit, "a", 5_000) == pytest.approx(500, abs=1)
    clock.now += 60
    assert taken(limit, "a", 5_000) == pytest.approx(500 * BURST_SECONDS, abs=1)


def test_each_client_has_its_own() -> None:
    limit = Rates(1, Clock())
    assert taken(limit, "a", 100) == taken(limit, "b", 100) == BURST_SECONDS


def test_who_asks_too_much_is_told_when_to_go_on() -> None:
    clock = Clock()
    limit = Rates(0.1, clock)
    limit.take("a")
    with pytest.raises(TooManyRequests) as caught:
        limit.take("a")
    clock.now += caught.value.retry_after_seconds
    limit.take("a")


def test_zero_is_no_limit() -> None:
    assert taken(Rates(0, Clock()), "a", 10_000) == 10_000


def test_many_clients_cost_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "MOST_CLIENTS", 50)
    limit = Rates(1, Clock())
    for number in range(500):
        limit.take(f"10.0.{number // 250}.{number % 250}")
    assert len(limit._full_at) == 50


@pytest.mark.parametrize(("identity", "peer", "is_counted"), [
    (LOCAL, "127.0.0.1", False), (NOBODY, "127.0.0.1", False), (NOBODY, "::1", False), (NOBODY, "10.0.0.1", True),
    (KEY, "127.0.0.1", True), (KEY, "10.0.0.1", True),
])  # fmt: skip
def test_who_is_counted(identity: Identity, peer: str, is_counted: bool) -> None:
    limit = Rates(1, Clock())
    with ExitStack() as stack:
        if is_counted:
            stack.enter_context(pytest.raises(TooManyRequests))
        for _ in range(20):
            limit.take_admitted(identity, peer)


def test_one_key_is_one_client_wherever_it_comes_from() -> None:
    limit = Rates(1, Clock())
    for number in range(4):
        limit.take_admitted(KEY, f"10.0.0.{number}")
    with pytest.raises(TooManyRequests):
        limit.take_admitted(KEY, "10.0.0.9")


def test_what_the_gate_refuses_counts_for_the_address() -> None:
    limit = Rates(1, Clock())
    for _ in range(4):
        limit.take_refused("10.0.0.1")
    with pytest.raises(TooManyRequests):
        limit.take_refused("10.0.0.1")
    limit.take_refused("10.0.0.2")


# --- connections -------------------------------------------------------------------------------------------------


def test_an_address_has_only_so_many_places() -> None:
    found = Places(100, 3, Clock())
    assert [found.take(Line(), "10.0.0.1") for _ in range(4)] == [True, True, True, False]
    assert found.take(Line(), "10.0.0.2")


def test_this_machine_has_all_there_are() -> None:
    found = Places(5, 1, Clock())
    assert [found.take(Line(), peer) for peer in ("127.0.0.1", "::1", "127.0.0.1", "::ffff:127.0.0.1", "")] == [
        True
    ] * 5
    assert not found.take(Line(), "127.0.0.1") and not found.take(Line(), "10.0.0.1")


def test_who_leaves_makes_room() -> None:
    clock = Clock()
    found, lines = Places(2, 2, clock), [Line(), Line()]
    assert all(found.take(line, "10.0.0.1") for line in lines) and not found.take(Line(), "10.0.0.1")
    lines[0].is_closed = True
    clock.now += 1
    assert found.take(Line(), "10.0.0.1") and not found.take(Line(), "10.0.0.1")


def test_nothing_is_left_of_addresses_that_are_gone() -> None:
    found, lines = Places(1_000, 5, Clock()), [Line() for _ in range(300)]
    for number, line in enumerate(lines):
        found.take(line, f"10.0.{number}.1")
        line.is_closed = True
    found.forget_closed()
    assert (found.count, found._taken) == (0, {})


def test_a_network_of_ipv6_is_one_address() -> None:
    assert address_of("2001:db8::1") == address_of("2001:db8::ffff") != address_of("2001:db8:0:1::1")


def test_the_system_may_allow_less_than_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    class Resource:
        RLIMIT_NOFILE, RLIM_INFINITY = 7, -1
        limits = (64, 256)

        def getrlimit(self, which: int) -> tuple[int, int]:
            return self.limits

        def setrlimit(self, which: int, limits: tuple[int, int]) -> None:
            self.limits = limits

    monkeypatch.setattr(places, "resource", system := Resource())
    assert room_for(4_000) == int(256 * places.SHARE_OF_FILES) and system.limits == (256, 256)
    system.limits = (64, 1 << 20)
    assert room_for(4_000) == 4_000 and system.limits[0] < 10_000
    monkeypatch.setattr(places, "resource", None)
    assert room_for(4_000) == 4_000


def test_the_settings_are_the_limits() -> None:
    known = load({}, {"VAIN_REQUEST_RATE": "0.5", "VAIN_MAX_CONNECTIONS_EACH": "2", "VAIN_MAX_SOCKETS_EACH": "1"})
    limits = limits_of(known, Clock())
    assert taken(limits.rates, "a", 10) == 2
    assert [limits.connections.take(Line(), "10.0.0.1") for _ in range(3)] == [True, True, False]
    assert [limits.sockets.take(Line(), "10.0.0.1") for _ in range(2)] == [True, False]


# --- over HTTP ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server with small limits; that of one address is put at this machine too."""
    options = {"request-rate": 2, "max-connections": 10, "max-connections-each": 100, "max-sockets-each": 2}
    with running(tmp_path_factory.mktemp("data"), **options) as run:
        yield run


def lines(server: Running, count: int) -> list[socket.socket]:
    return [socket.create_connection(("127.0.0.1", server.port), timeout=10) for _ in range(count)]


def test_one_connection_too_many_is_told_so_and_closed(server: Running) -> None:
    with ExitStack() as stack:
        opened = [stack.enter_context(line) for line in lines(server, 11)]
        heads = []
        for line in opened:
            line.sendall(server.head("GET /healthz HTTP/1.1"))
            answer = http.client.HTTPResponse(line)
            answer.begin()
            heads.append((answer.status, answer.headers["Retry-After"], answer.read()))
        assert [status for status, _, _ in heads].count(200) in (9, 10), "the harness may have one of its own"
        status, retry_after, body = heads[-1]
        assert (status, json.loads(body)["status"]) == (503, 503) and int(retry_after) >= 1
        assert opened[-1].recv(1) == b"", "closed"
        far_too_many = [stack.enter_context(line) for line in lines(server, 3)]
        assert far_too_many[-1].recv(1) == b"", "not even told"


def is_served(server: Running) -> bool:
    try:
        return server.raw(server.head("GET /healthz HTTP/1.1", "Connection: close")).startswith(b"HTTP/1.1 200 ")
    except ConnectionResetError:
        return False


def test_there_is_room_again_when_they_have_gone(server: Running) -> None:
    for line in lines(server, 30):
        line.close()
    deadline = time.monotonic() + 10
    while not is_served(server):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_one_socket_too_many_is_429(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    while not is_served(server):
        time.sleep(0.02)
    monkeypatch.setattr(places, "address_of", lambda peer: ("10.0.0.1", False))
    lines_of_head = [f"{name}: {value}" for name, value in UPGRADE.items()]
    answers = []
    with ExitStack() as stack:
        for line in lines(server, 3):
            stack.enter_context(line).sendall(server.head("GET /ws/tasks HTTP/1.1", *lines_of_head))
            answers.append(line.recv(1 << 12))
    assert [answer[9:12] for answer in answers] == [b"101", b"101", b"429"]
    assert b"Retry-After: 5" in answers[-1] and b"application/problem+json" in answers[-1]


def test_one_stream_too_many_is_429(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "address_of", lambda peer: ("10.0.0.2", False))
    answers = []
    with ExitStack() as stack:
        for line in lines(server, 3):
            stack.enter_context(line).sendall(server.head("GET /events HTTP/1.1"))
            answers.append(line.recv(1 << 12))
    assert [answer[9:12] for answer in answers] == [b"200", b"200", b"429"]


def test_a_key_that_asks_too_often_is_429_and_others_go_on(server: Running) -> None:
    """Last: from here on the server needs a key."""
    (_, busy), (_, calm) = (server.server._services.keys.create(name, "read") for name in ("busy", "calm"))
    replies = [server.call("GET", "/performance", None, {"Authorization": f"Bearer {busy}"}) for _ in range(12)]
    assert [reply.status for reply in replies[:8]] == [200] * 8 and replies[-1].status == 429
    assert int(replies[-1].headers["Retry-After"]) >= 1 and replies[-1].json["title"] == "Too many requests"
    assert server.call("GET", "/performance", None, {"Authorization": f"Bearer {calm}"}).status == 200
    assert server.call("GET", "/healthz").status == 200
