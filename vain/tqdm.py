"""``from vain.tqdm import tqdm``: tqdm's own bar, drawn as ever, and a task on the board.

Only this module needs tqdm to be installed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import Any

from tqdm.auto import tqdm as drawn

from vain.report import Run, begin
from vain.report.handle import ending
from vain.report.loop import end_left, was_left
from vain.report.run import enter, leave

__all__ = ["tqdm", "trange"]

PLAIN_UNIT = "it"
"""What tqdm calls a step whose unit was not given."""


class tqdm(drawn):  # type: ignore[misc]  # noqa: N801  # untyped; and the name is the one that it stands for
    """A bar that is also a task; a bar inside another is its child. ``disable=True`` reports nothing.

    A loop that ends, or is left by ``break``, has succeeded; one that an exception leaves has failed.
    """

    _run: Run | None = None
    _consumer = 0
    _exc: BaseException | None = None
    _told: tuple[object, object] = (None, None)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.disable:
            return
        unit = None if self.unit == PLAIN_UNIT else self.unit
        self._told = (self.total, None)
        self._run = begin((self.desc or "loop").removesuffix(": "), total=self.total, unit=unit)
        self._run.count = self._look
        enter(self._run)

    def __iter__(self) -> Iterator[Any]:
        self._consumer = id(_caller(2))
        return iter(super().__iter__())

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._exc = exc
        super().__exit__(kind, exc, traceback)

    def close(self) -> None:
        """Close the bar and end its task."""
        run, self._run = self._run, None
        super().close()
        if run is None:
            return
        self._report(run)
        run.update(self.n)
        exc = self._exc or _leaving()
        if isinstance(exc, GeneratorExit):
            end_left(run, was_left(_caller(3), self._consumer))
        else:
            run.end(**ending(exc, None))
        leave(run)

    def _look(self) -> float:
        """How far the bar is, asked by the sender's thread."""
        run = self._run
        if run is not None:
            self._report(run)
        return float(self.n)

    def _report(self, run: Run) -> None:
        """What changed beside the count."""
        shown = (self.total, self.postfix)
        if shown != self._told:
            self._told = shown
            run.update(total=self.total, message=self.postfix)


def _leaving() -> BaseException | None:
    """What a generator of tqdm's closes its bar for; a ``close`` in somebody's ``except`` block is no failure."""
    frame = _caller(3)
    return sys.exc_info()[1] if frame is not None and frame.f_code.co_name == "__iter__" else None


def _caller(depth: int) -> FrameType | None:
    """The frame so many calls above; None at the end of the interpreter, where nothing is."""
    frame: FrameType | None = sys._getframe()
    for _ in range(depth):
        frame = None if frame is None else frame.f_back
    return frame


def trange(*args: Any, **kwargs: Any) -> tqdm:
    """``tqdm(range(*args), **kwargs)``."""
    return tqdm(range(*args), **kwargs)
