"""How a client of ``/ws/tasks`` says who it is, and what becomes of one that does not."""

from __future__ import annotations

import asyncio
import json
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, suppress
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from tests.store.engines import keys_of
from tests.web.harness import Running, running
from tests.web.sockets import run, take, until
from vain.messages import KEY_PROTOCOL, PROTOCOL
from vain.web import caretaker, event_socket, events
from vain.web.failures import MOST_PER_PEER

V1 = Subprotocol(PROTOCOL)
SUBSCRIBE = json.dumps({"type": "subscribe", "streams": ["tasks"]})


@pytest.fixture
def server(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    """A server with a key."""
    monkeypatch.setattr(caretaker, "SWEEP_SECONDS", 0.05)
    with running(tmp_path, interval=5) as made:
        yield made


@pytest.fixture
def secret(server: Running) -> str:
    return server.server._services.keys.create("reader", "read")[1]


def as_protocol(secret: str) -> Subprotocol:
    return Subprotocol(KEY_PROTOCOL + urlsafe_b64encode(secret.encode()).decode().rstrip("="))


def auth(secret: str) -> str:
    return json.dumps({"type": "auth", "token": secret})


async def closed_with(connection: ClientConnection) -> tuple[int, int]:
    """How many messages came, and the code of the end."""
    async with asyncio.timeout(5):
        count = len([message async for message in _until_closed(connection)])
    assert connection.close_code is not None
    return count, connection.close_code


async def _until_closed(connection: ClientConnection) -> AsyncIterator[str | bytes]:
    with suppress(ConnectionClosed):
        while True:
            yield await connection.recv()


async def snapshot(connection: ClientConnection) -> dict[str, Any]:
    return await take(connection, lambda message: message["type"] == "snapshot")


def test_by_a_subprotocol_that_is_not_echoed(server: Running, secret: str) -> None:
    async def work() -> None:
        async with connect(server.socket_url, subprotocols=[as_protocol(secret), V1]) as connection:
            assert connection.subprotocol == V1
            await connection.send(SUBSCRIBE)
            assert (await snapshot(connection))["seq"] == 0

    run(work())


def test_by_the_first_message(server: Running, secret: str) -> None:
    async def work() -> None:
        async with connect(server.socket_url, subprotocols=[V1]) as connection:
            await connection.send(auth(secret))
            await connection.send(SUBSCRIBE)
            assert (await snapshot(connection))["seq"] == 0

    run(work())


def test_by_the_header(server: Running, secret: str) -> None:
    async def work() -> None:
        head = {"Authorization": f"Bearer {secret}"}
        async with connect(server.socket_url, subprotocols=[V1], additional_headers=head) as connection:
            await connection.send(SUBSCRIBE)
            assert (await snapshot(connection))["seq"] == 0

    run(work())


def test_a_server_without_keys_takes_any(tmp_path: Any) -> None:
    async def work() -> None:
        with running(tmp_path) as server:
            async with connect(server.socket_url, subprotocols=[V1, as_protocol("whatever")]) as connection:
                await connection.send(auth("whatever"))
                await connection.send(SUBSCRIBE)
                await snapshot(connection)

    run(work())


@pytest.mark.parametrize("offered", ["", "not base64", "vain_wrong"])
def test_a_wrong_key_closes_the_connection(server: Running, secret: str, offered: str) -> None:
    async def work() -> None:
        protocol = as_protocol(offered) if offered != "not base64" else Subprotocol(f"{KEY_PROTOCOL}A")
        async with connect(server.socket_url, subprotocols=[V1, protocol]) as connection:
            assert await closed_with(connection) == (0, 4401)
        async with connect(server.socket_url, subprotocols=[V1]) as connection:
            await connection.send(auth(offered or "x"))
            assert await closed_with(connection) == (0, 4401)

    run(work())


@pytest.mark.parametrize("offered", [b"\xe9\xe9\xe9\xe9", b"\xff", b"====", b"A", b""])
def test_bytes_that_are_no_key_are_no_error_of_ours(server: Running, secret: str, offered: bytes, caplog: Any) -> None:
    head = server.head(
        "GET /ws/tasks HTTP/1.1", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    )  # fmt: skip
    line = b"Sec-WebSocket-Protocol: vain.v1, " + KEY_PROTOCOL.encode() + offered
    # The client answers the close frame at once, so that the server need not wait for it.
    answer = server.raw(head[:-2] + line + b"\r\n\r\n" + b"\x88\x80\0\0\0\0")
    assert (4401).to_bytes(2, "big") + b"not signed in" in answer
    assert not [record for record in caplog.records if record.exc_info]


def test_whoever_guesses_is_held_back(server: Running, secret: str) -> None:
    async def work() -> None:
        for _ in range(MOST_PER_PEER):
            async with connect(server.socket_url, subprotocols=[V1, as_protocol("vain_wrong")]) as connection:
                assert (await closed_with(connection))[1] == 4401
        async with connect(server.socket_url, subprotocols=[V1, as_protocol("vain_wrong")]) as connection:
            assert (await closed_with(connection))[1] == 4429

    run(work())


def test_before_the_key_nothing_is_told(server: Running, secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_socket, "WAIT_SECONDS", 0.3)

    async def work() -> None:
        async with connect(server.socket_url, subprotocols=[V1]) as silent:
            server.on_loop(lambda: server.server._hub.replace("performanceUpdate", b'{"type":"performanceUpdate"}'))
            assert await closed_with(silent) == (0, 4401)
        async with connect(server.socket_url, subprotocols=[V1]) as hasty:
            await hasty.send(SUBSCRIBE)
            assert await closed_with(hasty) == (0, 4401)
        fanout = server.server._services.fanout
        await until(lambda: not fanout.strangers and not fanout.clients)

    run(work())


def test_who_does_not_offer_the_protocol_is_refused_at_once(server: Running, secret: str) -> None:
    async def work() -> None:
        wrong = {"Authorization": "Bearer vain_wrong"}
        for options in ({}, {"subprotocols": [V1], "additional_headers": wrong}):
            with pytest.raises(InvalidStatus) as refused:
                await connect(server.socket_url, **options)  # type: ignore[arg-type]
            assert refused.value.response.status_code == 401

    run(work())


def test_a_foreign_page_is_refused_however_it_says_who_it_is(server: Running, secret: str) -> None:
    async def work() -> None:
        with pytest.raises(InvalidStatus) as refused:
            await connect(server.socket_url, subprotocols=[V1, as_protocol(secret)], origin="https://evil.example")  # type: ignore[arg-type]
        assert refused.value.response.status_code == 403

    run(work())


def test_the_connection_ends_with_its_key(server: Running, secret: str) -> None:
    async def work() -> None:
        keys = server.server._services.keys
        async with connect(server.socket_url, subprotocols=[V1, as_protocol(secret)]) as connection:
            await connection.send(SUBSCRIBE)
            await snapshot(connection)
            keys.revoke(keys.list()[0].key_id)
            assert (await closed_with(connection))[1] == 4401

    run(work())


def test_a_new_key_on_the_connection_keeps_it(server: Running, secret: str) -> None:
    async def work() -> None:
        keys = server.server._services.keys
        old = keys.list()[0].key_id
        _, new = keys.create("new", "read")
        async with connect(server.socket_url, subprotocols=[V1, as_protocol(secret)]) as connection:
            await connection.send(auth(new))
            await connection.send(SUBSCRIBE)
            await snapshot(connection)
            keys.revoke(old)
            await asyncio.sleep(0.2)  # some rounds of the check
            await connection.send(SUBSCRIBE)
            await snapshot(connection)

    run(work())


def test_strangers_are_few(server: Running, secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "MOST_STRANGERS", 1)

    async def work() -> None:
        async with connect(server.socket_url, subprotocols=[V1]):
            await until(lambda: bool(server.server._services.fanout.strangers))
            async with connect(server.socket_url, subprotocols=[V1]) as second:
                assert (await closed_with(second))[1] == 1013
            head = {"Authorization": f"Bearer {secret}"}
            async with connect(server.socket_url, subprotocols=[V1], additional_headers=head) as known:
                await known.send(SUBSCRIBE)
                await snapshot(known)

    run(work())


def test_strangers_of_one_address_leave_room_for_others(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "MOST_STRANGERS_EACH", 1)
    crowd, other = {"X-Forwarded-For": "203.0.113.7"}, {"X-Forwarded-For": "203.0.113.8"}

    async def work() -> None:
        with closing(keys_of(tmp_path)) as keys:
            _, secret = keys.create("reader", "read")
        with running(tmp_path, **{"trust-proxy": ["127.0.0.1"]}) as server:
            url = server.socket_url
            async with connect(url, subprotocols=[V1], additional_headers=crowd):
                await until(lambda: bool(server.server._services.fanout.strangers))
                async with connect(url, subprotocols=[V1], additional_headers=crowd) as second:
                    assert (await closed_with(second))[1] == 1013
                async with connect(url, subprotocols=[V1], additional_headers=other) as known:
                    await known.send(auth(secret))
                    await known.send(SUBSCRIBE)
                    await snapshot(known)

    run(work())


def test_wrong_keys_count_for_the_client_and_not_for_the_proxy(tmp_path: Any) -> None:
    async def work() -> None:
        with closing(keys_of(tmp_path)) as keys:
            _, secret = keys.create("reader", "read")
        with running(tmp_path, **{"trust-proxy": ["127.0.0.1"]}) as server:
            guesser = {"X-Forwarded-For": "203.0.113.7"}
            wrong, right = as_protocol("vain_wrong"), as_protocol(secret)
            codes = []
            for _ in range(MOST_PER_PEER + 1):
                async with connect(
                    server.socket_url, subprotocols=[V1, wrong], additional_headers=guesser
                ) as connection:
                    codes.append((await closed_with(connection))[1])
            assert codes == [4401] * MOST_PER_PEER + [4429]
            other = {"X-Forwarded-For": "203.0.113.8"}
            async with connect(server.socket_url, subprotocols=[V1, wrong], additional_headers=other) as connection:
                assert await closed_with(connection) == (0, 4401)
            async with connect(server.socket_url, subprotocols=[V1, right], additional_headers=other) as connection:
                await connection.send(SUBSCRIBE)
                await snapshot(connection)

    run(work())
