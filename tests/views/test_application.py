"""The pages as an application: what its answers say, whom they know, and that a closed session leaves nothing."""

from __future__ import annotations

import asyncio
import gc
import re
import time
import weakref
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from bokeh.server.tornado import BokehTornado
from bokeh.util.token import get_token_payload
from tornado.httpclient import AsyncHTTPClient, HTTPResponse
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop
from tornado.netutil import bind_sockets

from tests.views.moving import MovingSource
from vain import source
from vain.client import Client
from vain.remote import RemoteSource
from vain.views import application, page, pusher

pytestmark = pytest.mark.slow

HEADER = "X-Vain-Role"
MACHINE = Path(__file__).resolve().parents[2] / "app" / "machine.py"
Fetch = Callable[..., Coroutine[Any, Any, HTTPResponse]]


@asynccontextmanager
async def served() -> AsyncIterator[tuple[BokehTornado, Fetch]]:
    source.use(MovingSource(rows=60, until=time.time()))
    pages = application.build({"/machine": MACHINE}, b"0" * 32, HEADER, "X-Vain-Name")
    server, sockets = HTTPServer(pages), bind_sockets(0, "127.0.0.1")
    server.add_sockets(sockets)
    application.start(pages, IOLoop.current())
    client, root = AsyncHTTPClient(), f"http://127.0.0.1:{sockets[0].getsockname()[1]}"

    async def fetch(path: str, **headers: str) -> HTTPResponse:
        return await client.fetch(root + path, headers=headers, raise_error=False)

    try:
        yield pages, fetch
    finally:
        await end_sessions(pages)
        application.stop(pages)
        server.stop()
        await server.close_all_connections()


async def end_sessions(pages: BokehTornado) -> None:
    for context in pages.applications.values():
        for session in tuple(context.sessions):
            await context._discard_session(session, lambda _session: True)


def token(response: HTTPResponse) -> str:
    found = re.search(r'"token":"([^"]+)"', response.body.decode())
    assert found is not None
    return found[1]


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers of other tests of this process may have ended with pages open."""
    monkeypatch.setattr(pusher, "_pushers", {})


def test_the_page_holds_neither_cookie_nor_key() -> None:
    async def main() -> dict[str, Any]:
        async with served() as (_, fetch):
            answer = await fetch("/machine", Cookie="session=SECRET", Authorization="Bearer SECRET", **{HEADER: "read"})
            return get_token_payload(token(answer))

    payload = asyncio.run(main())
    assert (payload["headers"], payload["cookies"]) == ({HEADER: "read"}, {})


@pytest.mark.parametrize(("said", "role"), [("read", "read"), ("admin", "admin"), ("root", "read"), (None, "read")])
def test_the_viewers_role_is_what_the_gate_said(said: str | None, role: str) -> None:
    async def main() -> list[str]:
        async with served() as (_, fetch):
            await fetch("/machine", **({HEADER: said} if said else {}))
            return [listener.role for central in pusher._pushers.values() for listener in central._listeners]

    assert asyncio.run(main()) == [role]


def test_a_page_leads_to_the_documentation_of_the_server_that_it_shows() -> None:
    async def main() -> str:
        async with served() as (_, fetch):
            return (await fetch("/machine")).body.decode()

    assert '<a class="docs" href="docs">' in asyncio.run(main())
    elsewhere = RemoteSource.__new__(RemoteSource)  # which would connect
    elsewhere.client = Client("http://vain.example:5006")
    assert page._documentation(elsewhere) == "http://vain.example:5006/docs"


def test_closed_sessions_leave_nothing() -> None:
    async def main() -> tuple[int, list[weakref.ref[Any]]]:
        async with served() as (pages, fetch):
            for _ in range(4):
                await fetch("/machine")
            documents = [session.document for session in pages.applications["/machine"].sessions]
            lives = [live for central in pusher._pushers.values() for live in central._listeners]
            left = [weakref.ref(each) for each in (*documents, *lives)]
            del documents, lives
            await end_sessions(pages)
            return len(left), left

    count, left = asyncio.run(main())
    gc.collect()
    assert count == 8
    assert [reference() for reference in left] == [None] * 8
    assert pusher._pushers == {}
