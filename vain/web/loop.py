"""The event loop of the server: libuv's where there is one, which costs a tenth less for each request."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from tornado.websocket import WebSocketClosedError

try:
    import uvloop
except ImportError:  # Windows, PyPy
    new_event_loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
else:
    new_event_loop = uvloop.new_event_loop

T = TypeVar("T")

COLLECTIONS = 10_000, 20, 20
"""How rarely garbage is collected: at Python's own thresholds that is a twelfth of what a report of an agent costs."""


def run(main: Coroutine[Any, Any, T]) -> T:
    """``asyncio.run`` on that loop."""
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.get_loop().set_exception_handler(_handle)
        return runner.run(main)


def collect_rarely() -> None:
    """For a process that does nothing else than to serve: what is there now stays for good."""
    gc.freeze()
    gc.set_threshold(*COLLECTIONS)


def _handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """As usual, but that a browser left while Bokeh wrote to it, whose writes nobody awaits, is nobody's concern."""
    if not isinstance(context.get("exception"), WebSocketClosedError):
        loop.default_exception_handler(context)
