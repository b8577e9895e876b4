"""``vain.track``: a loop as a task, at hardly more than the cost of the loop."""

from __future__ import annotations

import contextlib
import opcode
import sys
from collections.abc import Iterable, Iterator
from types import FrameType
from typing import Any, TypeVar

from vain.report.handle import Handle, task
from vain.report.run import Run, enter, leave

T = TypeVar("T")

LEAVING = tuple("POP_ END_FOR STORE_FAST STORE_NAME STORE_GLOBAL DELETE_FAST DELETE_NAME DELETE_GLOBAL RETURN_".split())
"""How the instructions begin at which a loop lets go of its iterator for another reason than an exception."""
LEFT = {"type": "Exception", "message": "an exception left the loop"}


class Counter:
    """How many steps are done; the sender asks for it, the loop only counts."""

    __slots__ = ("done",)

    def __init__(self) -> None:
        self.done = 0


def track(
    iterable: Iterable[T],
    name: str | None = None,
    total: float | None = None,
    unit: str | None = None,
    **fields: Any,
) -> Iterator[T]:
    """The same items, and the loop over them as a task with its progress.

    ``total`` is taken from ``len`` where there is one. A loop that ends, or is left by ``break``, has succeeded; one
    that an exception leaves has failed. ``fields`` are those of ``vain.task``.
    """
    return _tracked(iterable, task(name or "loop", total=_length(iterable, total), unit=unit, **fields))


def _tracked(iterable: Iterable[T], handle: Handle) -> Iterator[T]:
    counter, consumer = Counter(), id(sys._getframe().f_back)
    run = handle.begin().run
    run.count = lambda: counter.done
    enter(run)
    try:
        for item in iterable:
            yield item
            counter.done += 1
    except GeneratorExit:
        end_left(run, was_left(sys._getframe().f_back, consumer))
        raise
    except BaseException as exc:
        handle.finish(exc)
        raise
    else:
        handle.finish()
    finally:
        leave(run)


def was_left(frame: FrameType | None, consumer: int) -> bool:
    """Whether the consumer of a generator let go of it by ``break``, ``return`` or the like, not for an exception.

    Of an exception on its way through the consumer nothing can be seen from within the generator but where the
    consumer stands: at another instruction than one that leaves a loop. ``frame`` has closed the generator;
    ``consumer`` is the id of the frame that took the items. Where they differ, nothing is known against it.
    """
    if frame is None or id(frame) != consumer or frame.f_lasti < 0:
        return True
    return opcode.opname[frame.f_code.co_code[frame.f_lasti]].startswith(LEAVING)


def end_left(run: Run, by_itself: bool) -> None:
    """End the run of a loop that its consumer did not take to its end."""
    if by_itself:
        run.end()
    else:
        run.end("failed", error=LEFT)


def _length(iterable: Iterable[Any], total: float | None) -> float | None:
    if total is None:
        with contextlib.suppress(Exception):  # what has no length, or one that cannot be had
            return len(iterable)  # type: ignore[arg-type]
    return total
