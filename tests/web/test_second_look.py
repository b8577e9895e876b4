"""What one server has given is known at another at once: it looks again before it refuses."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from tests.store.engines import url_of
from tests.store.postgres_server import PostgresServer, postgres_server, programs
from tests.web.harness import Reply, Running, running
from vain.errors import Unavailable
from vain.store.keys import KeyRing
from vain.web.second_look import PAUSE_SECONDS, SecondLook

TIMES = 8
"""Enough that a server which only waits to be told would be caught."""


class Looks:
    """A look that takes a while, and remembers when it began."""

    def __init__(self, seconds: float = 0.0, fails: bool = False) -> None:
        self.began: list[float] = []
        self.at_once = threading.Semaphore(1)
        self._seconds, self._fails = seconds, fails

    def __call__(self) -> None:
        assert self.at_once.acquire(blocking=False), "two looks at a time"
        self.began.append(time.monotonic())
        time.sleep(self._seconds)
        self.at_once.release()
        if self._fails:
            raise Unavailable("away")


def test_however_many_ask_they_share_a_look_and_looks_have_a_pause() -> None:
    looks = Looks(0.02)

    async def main() -> None:
        second_look = SecondLook(looks)
        await asyncio.gather(*(second_look.take() for _ in range(50)))
        await asyncio.gather(*(second_look.take() for _ in range(50)))

    asyncio.run(main())
    first, second = looks.began
    assert second - first >= PAUSE_SECONDS * 0.9


def test_who_asks_during_a_look_waits_for_the_next() -> None:
    looks = Looks(3 * PAUSE_SECONDS)

    async def main() -> float:
        second_look = SecondLook(looks)
        first = asyncio.ensure_future(second_look.take())
        await asyncio.sleep(PAUSE_SECONDS)
        asked = time.monotonic()
        await second_look.take()
        await first
        return asked

    asked = asyncio.run(main())
    assert len(looks.began) == 2 and looks.began[0] < asked < looks.began[1]


def test_a_look_that_fails_is_told_to_all_and_the_next_one_begins() -> None:
    looks = Looks(fails=True)

    async def main() -> list[object]:
        second_look = SecondLook(looks)
        told = await asyncio.gather(*(second_look.take() for _ in range(3)), return_exceptions=True)
        with pytest.raises(Unavailable):
            await second_look.take()
        return list(told)

    assert [type(each) for each in asyncio.run(main())] == [Unavailable] * 3
    assert len(looks.began) == 2


@pytest.fixture(scope="module")
def own() -> Iterator[PostgresServer]:
    """One that a test may stop."""
    if programs() is None:
        pytest.skip("no PostgreSQL here")
    with postgres_server() as server:
        yield server


@pytest.fixture
def two(own: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Running, Running, str]]:
    """Two servers that look for nothing by themselves, and an administrator's key."""
    monkeypatch.setattr(KeyRing, "refresh", lambda ring: None)
    url = url_of(own.url, tmp_path)
    with closing(KeyRing.open(tmp_path, store_url=url)) as ring:
        _, secret = ring.create("me", "admin")
    with ExitStack() as stack:
        a, b = (stack.enter_context(running(tmp_path / name, store=url)) for name in "ab")
        yield a, b, secret


def signed_in(run: Running, secret: str) -> str:
    """The cookie of a browser that signs in."""
    reply = run.call("POST", "/login", {"key": secret})
    assert reply.status == 204
    return str(reply.headers["Set-Cookie"]).partition(";")[0]


def browsed(run: Running, cookie: str, method: str = "GET", path: str = "/tasks") -> Reply:
    return run.call(method, path, None, {"Cookie": cookie, "Origin": f"http://{run.host}", "Host": run.host})


@pytest.mark.slow
def test_a_key_and_a_session_of_one_server_open_the_other_at_once(two: tuple[Running, Running, str]) -> None:
    a, b, secret = two
    ring = a.server._services.keys
    for _ in range(TIMES):
        _, made = ring.create("ci", "read")
        assert b.call("GET", "/tasks", None, {"Authorization": f"Bearer {made}"}).status == 200
        cookie = signed_in(a, secret)
        assert browsed(b, cookie).status == 200
        assert browsed(b, cookie, "POST", "/logout").status == 204
        a.server._services.keys.look()
        assert browsed(a, cookie).status == 401
    _, made = ring.create("ci", "read")
    assert browsed(b, signed_in(b, made)).status == 200


@pytest.mark.slow
@pytest.mark.parametrize("way", ["message", "header"])
def test_a_socket_that_brings_a_new_key_stays(two: tuple[Running, Running, str], way: str) -> None:
    a, b, _ = two
    _, made = a.server._services.keys.create("ci", "read")

    async def main() -> str:
        headers = {"Authorization": f"Bearer {made}"} if way == "header" else {}
        async with connect(b.socket_url, subprotocols=["vain.v1"], additional_headers=headers) as socket:  # type: ignore[list-item]
            if way == "message":
                await socket.send(f'{{"type": "auth", "token": "{made}"}}')
            await socket.send('{"type": "subscribe"}')
            return str(await asyncio.wait_for(socket.recv(), 10))

    assert '"type"' in asyncio.run(main())


@pytest.mark.slow
def test_guesses_are_refused_counted_and_share_a_look(
    two: tuple[Running, Running, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, b, secret = two
    looks: list[float] = []
    monkeypatch.setattr(b.server._services.gate._second_look, "_look", lambda: looks.append(time.monotonic()))
    wrong = {"Authorization": f"Bearer {secret[:-1]}!"}
    statuses = [b.call("GET", "/tasks", None, wrong).status for _ in range(14)]
    assert statuses == [401] * 10 + [429] * 4
    assert len(looks) == 10 and looks[-1] - looks[0] >= 9 * PAUSE_SECONDS * 0.9


@pytest.mark.slow
def test_while_the_database_is_away_a_stranger_is_told_to_come_again(
    two: tuple[Running, Running, str], own: PostgresServer
) -> None:
    _, b, secret = two
    own.stop()
    try:
        assert b.call("GET", "/lanes", None, {"Authorization": f"Bearer {secret[:-1]}!"}).status == 503
        assert b.call("GET", "/performance", None, {"Authorization": f"Bearer {secret}"}).status == 200
    finally:
        own.start()
