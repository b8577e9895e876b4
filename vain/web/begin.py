"""Coroutines that are begun at once, for a request that comes alone."""

from __future__ import annotations

import asyncio
import types
from collections.abc import Callable, Coroutine, Generator
from typing import Any

Work = Coroutine[Any, Any, None]


def begin(work: Work, own: Callable[[asyncio.Task[None]], None]) -> None:
    """Run a coroutine now, and again as soon as the first thing that it waits for has come; the rest is a task.

    An ``asyncio.Task`` begins in the loop's next turn and takes another to end. Both stand between a request and the
    thread that writes, which cannot begin while the loop's thread is still busy. (``eager_start`` of Python 3.12 saves
    the first.) What runs before the task runs in none, so nothing in it may ask for the current one.

    ``own`` is given the task, if there has to be one. What ``work`` raises before is raised here, or in the loop.
    """
    waiting = _stepped(work)
    if asyncio.isfuture(waiting):
        waiting.add_done_callback(lambda _: _go_on(work, own))
    elif waiting is not _DONE:
        own(_task(work, waiting))


_DONE = object()


def _go_on(work: Work, own: Callable[[asyncio.Task[None]], None]) -> None:
    waiting = _stepped(work)
    if waiting is not _DONE:
        own(_task(work, waiting))


def _stepped(work: Work) -> Any:
    """What the coroutine waits for now: a future, None for a turn of the loop, or ``_DONE``."""
    try:
        return work.send(None)
    except StopIteration:
        return _DONE


def _task(work: Work, waiting: Any) -> asyncio.Task[None]:
    rest: Any = _rest(work, waiting)
    task: asyncio.Task[None] = asyncio.get_running_loop().create_task(rest)
    return task


@types.coroutine
def _rest(work: Work, waiting: Any) -> Generator[Any, Any, None]:
    """Hand on to the task what the coroutine waits for, and to the coroutine what comes of it."""
    while waiting is not _DONE:
        try:
            yield waiting
        except BaseException as error:  # noqa: BLE001  (a cancellation too belongs to the coroutine)
            try:
                waiting = work.throw(error)
            except StopIteration:
                return
        else:
            waiting = _stepped(work)
