"""Pages that are opened and closed as a browser does it, many times: nothing of them is left."""

from __future__ import annotations

import asyncio
import gc
import json
import re
import time
import weakref
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from bokeh.server.tornado import BokehTornado
from tornado.httpclient import AsyncHTTPClient
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop
from tornado.netutil import bind_sockets
from websockets.asyncio.client import ClientConnection, connect

from tests.views.moving import MovingSource
from vain import source
from vain.views import application, pusher
from vain.views.live import Live
from vain.views.lookback import Lookback
from vain.views.timeline import Timeline

pytestmark = pytest.mark.slow

APP = Path(__file__).resolve().parents[2] / "app"
HEADER = "X-Vain-Role"
OPENINGS = 15
KINDS = (Live, Lookback, Timeline)
_EVENT = {"type": "event", "name": "document_ready", "values": {"type": "map", "entries": []}}
_SENT = {"events": [{"kind": "MessageSent", "msg_type": "bokeh_event", "msg_data": _EVENT}]}
ASK = ('{"msgid":"1","msgtype":"PULL-DOC-REQ"}', "{}", "{}")
READY = ('{"msgid":"2","msgtype":"PATCH-DOC"}', "{}", json.dumps(_SENT))


@asynccontextmanager
async def opened(port: int) -> AsyncIterator[ClientConnection]:
    """The WebSocket of a page, as its browser opens it."""
    page = await AsyncHTTPClient().fetch(f"http://127.0.0.1:{port}/", headers={HEADER: "admin"})
    found = re.search(r'"token":"([^"]+)"', page.body.decode())
    assert found is not None
    async with connect(
        f"ws://127.0.0.1:{port}/ws", subprotocols=["bokeh", found[1]],  # type: ignore[list-item]
        additional_headers={HEADER: "admin"}, max_size=None,
    ) as socket:  # fmt: skip
        yield socket


async def say(socket: ClientConnection, message: tuple[str, ...], answer: str) -> None:
    for part in message:
        await socket.send(part)
    while f'"{answer}"' not in str(await socket.recv()):
        pass


async def open_and_close(port: int, moving: MovingSource) -> None:
    async with opened(port) as socket:
        await say(socket, ASK, "PULL-DOC-REPLY")
        await say(socket, READY, "OK")
        moving.advance(time.time())
        while "PATCH-DOC" not in str(await socket.recv()):
            pass


async def streamed_rows(socket: ClientConnection) -> int:
    """How many rows the next message brings for the charts."""
    while True:
        text = await socket.recv()
        events = json.loads(text).get("events", []) if isinstance(text, str) else []
        for event in events:
            if event["kind"] == "ColumnsStreamed":
                return len(dict(event["data"]["entries"])["t"])


@asynccontextmanager
async def serving(moving: MovingSource) -> AsyncIterator[tuple[BokehTornado, int]]:
    source.use(moving)
    pages = application.build({"/": APP / "timeline.py"}, b"0" * 32, HEADER, "X-Vain-Name")
    server, sockets = HTTPServer(pages), bind_sockets(0, "127.0.0.1")
    server.add_sockets(sockets)
    application.start(pages, IOLoop.current())
    try:
        yield pages, sockets[0].getsockname()[1]
    finally:
        application.stop(pages)
        server.stop()
        await server.close_all_connections()


async def end_sessions(pages: BokehTornado) -> None:
    """What the server does by itself some seconds later."""
    for context in pages.applications.values():
        while any(session.connection_count for session in context.sessions):  # noqa: ASYNC110
            await asyncio.sleep(0.01)  # Bokeh tells nobody
        for session in tuple(context.sessions):
            session.request_expiration()
        await context._cleanup_sessions(0)


def alive(known: set[int]) -> Iterator[weakref.ref[object]]:
    for one in gc.get_objects():
        if type(one) in KINDS and id(one) not in known:
            yield weakref.ref(one)


def test_nothing_is_left_of_pages_that_were_opened_and_closed() -> None:
    gc.collect()
    before = {id(one) for one in gc.get_objects() if type(one) in KINDS}
    listened = pusher.open_pages()

    async def main() -> tuple[int, int, list[weakref.ref[object]]]:
        moving = MovingSource(rows=60, until=time.time())
        async with serving(moving) as (pages, port):
            for _ in range(OPENINGS):
                await open_and_close(port, moving)
            found = list(alive(before))
            assert len(found) >= len(KINDS), "the pages were never there"
            await end_sessions(pages)
            await asyncio.sleep(0)
            sessions = sum(len(tuple(context.sessions)) for context in pages.applications.values())
            return sessions, pusher.open_pages(), found

    sessions, listening, left = asyncio.run(main())
    gc.collect()
    assert (sessions, listening) == (0, listened)
    assert [reference() for reference in left if reference() is not None] == []
    assert list(alive(before)) == []


def test_rows_that_come_while_a_browser_draws_its_page_follow_once_it_stands() -> None:
    async def main() -> int:
        moving = MovingSource(rows=60, until=time.time() - 5)
        async with serving(moving) as (pages, port), opened(port) as socket:
            await say(socket, ASK, "PULL-DOC-REPLY")
            for _ in range(3):
                moving.advance(time.time())
                await asyncio.sleep(0.05)
            await say(socket, READY, "OK")
            rows = await asyncio.wait_for(streamed_rows(socket), 10)
        await end_sessions(pages)
        return rows

    assert asyncio.run(main()) >= 3
