"""The adapter around Tornado's own WebSocket connection, against the Tornado that is installed."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable
from typing import Any

import pytest
from tornado.httpserver import HTTPServer
from tornado.iostream import IOStream
from tornado.netutil import bind_sockets
from tornado.web import Application
from tornado.websocket import WebSocketHandler
from websockets.asyncio.client import connect

from tests.web.sockets import run, until
from vain.hub import text_frame
from vain.web.socket_writer import SocketWriter, payloads


class Echo(WebSocketHandler):
    """Hands its writer to the test."""

    opened: asyncio.Future[SocketWriter]

    def open(self, *args: str, **kwargs: str) -> None:
        self.opened.set_result(SocketWriter(self, lambda: None))


async def with_writer(work: Callable[[SocketWriter, Any], Any]) -> None:
    """A writer on the server's side, and another library's connection on the other."""
    Echo.opened = asyncio.get_running_loop().create_future()
    (listening,) = bind_sockets(0, "127.0.0.1", family=socket.AF_INET)
    server = HTTPServer(Application([("/", Echo)]))
    server.add_sockets([listening])
    try:
        async with connect(f"ws://127.0.0.1:{listening.getsockname()[1]}/", max_size=None) as connection:
            await work(await Echo.opened, connection)
    finally:
        server.stop()
        await server.close_all_connections()


@pytest.mark.parametrize("lengths", [[0, 1, 125], [126, 65_535], [65_536, 3], [3_000_000, 2]])
def test_many_frames_go_out_in_one_write_and_come_as_messages(lengths: list[int]) -> None:
    async def work(writer: SocketWriter, connection: Any) -> None:
        sent = [b"x" * length for length in lengths]
        writer.write(b"".join(map(text_frame, sent)))
        assert [(await connection.recv()).encode() for _ in sent] == sent

    run(with_writer(work))


def test_what_is_small_is_taken_at_once_without_the_stream() -> None:
    async def work(writer: SocketWriter, connection: Any) -> None:
        stream = writer.stream
        assert type(stream) is IOStream and not stream.writing()
        writer.write(text_frame(b"{}"))
        assert writer.is_free and writer.waited_seconds() == 0
        assert await connection.recv() == "{}"

    run(with_writer(work))


def test_while_a_write_is_under_way_the_writer_is_not_free() -> None:
    async def work(writer: SocketWriter, connection: Any) -> None:
        writer.write(text_frame(b"x" * 8_000_000))
        assert not writer.is_free and writer.waited_seconds() > 0
        assert len(await connection.recv()) == 8_000_000
        await until(lambda: writer.is_free)

    run(with_writer(work))


def test_without_the_stream_messages_are_written_as_tornado_wants_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(writer: SocketWriter, connection: Any) -> None:
        monkeypatch.setattr(SocketWriter, "stream", None)
        sent = [b'{"n":1}', b"y" * 70_000, b""]
        writer.write(b"".join(map(text_frame, sent)))
        assert [(await connection.recv()).encode() for _ in sent] == sent
        await until(lambda: writer.is_free)

    run(with_writer(work))


def test_after_the_end_nothing_is_written() -> None:
    async def work(writer: SocketWriter, connection: Any) -> None:
        writer.cut(4408, "no progress")
        assert not writer.is_open and writer.stream is None
        writer.write(text_frame(json.dumps({"too": "late"}).encode()))
        assert not writer.is_free

    run(with_writer(work))


def test_frames_are_taken_apart_as_they_were_put_together() -> None:
    texts = [b"", b"a" * 125, b"b" * 126, b"c" * 65_535, b"d" * 65_536]
    assert list(payloads(b"".join(map(text_frame, texts)))) == texts
