"""A real vAIn on a free port, in a thread of the test's own process: quick to start, and gone with the test."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

from vain import settings
from vain.setting_types import Settings
from vain.web.server import Server


@contextmanager
def live_server(data_dir: Path, port: int = 0, interval_seconds: float = 0.2) -> Iterator[str]:
    """The address of a server without a dashboard that runs until the block ends."""
    options = {
        "data": data_dir,
        "port": port,
        "interval": interval_seconds,
        "no-browser": True,
        "spool": data_dir.parent / "spool",
    }
    known = settings.load(options, {})
    address: Future[str] = Future()
    stopping: Future[None] = Future()
    thread = threading.Thread(target=asyncio.run, args=(_run(known, address, stopping),), name="live-server")
    thread.start()
    try:
        yield address.result(timeout=20)
    finally:
        stopping.set_result(None)
        thread.join(timeout=20)
        assert not thread.is_alive()


async def _run(known: Settings, address: Future[str], stopping: Future[None]) -> None:
    server = Server(known, None)
    try:
        await server.start()
        address.set_result(server.url)
    except BaseException as exc:
        address.set_exception(exc)
        raise
    try:
        await asyncio.wrap_future(stopping)
    finally:
        await server.stop()
