"""``%load_ext vain``: cells of IPython and Jupyter as tasks, and the live panel.

``%%vain [name]`` makes its cell a task. The line is rewritten into a call that begins the task, and what IPython tells
at the end of a cell ends it, so that the cell itself runs as ever: its value, its traceback, ``await``, ``_`` and
other magics stay what they are.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import shlex
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any, NoReturn

import IPython
from IPython.core.error import UsageError
from IPython.core.inputtransformer2 import cell_magic
from IPython.core.interactiveshell import ExecutionInfo, ExecutionResult, InteractiveShell
from IPython.core.magic import Magics, line_cell_magic, magics_class

from vain import settings
from vain.errors import Misconfigured
from vain.report import drafts
from vain.report.handle import Handle
from vain.report.run import enter, leave

LONGEST_NAME = 60
"""Characters of a cell's first line that name a task."""
VALUES = re.compile(r"""[(=\[{"'#]""")
"""Where the values in a line of code begin."""
DEFAULT_THRESHOLD_SECONDS = 10.0
LONGEST_THRESHOLD_SECONDS = 30 * 86_400.0
PRIORITIES = ("low", "medium", "high")
USAGE = "%vain · %vain off · %vain url · %vain auto [--threshold SECONDS] · %vain auto off"

_CELL_LINE = re.compile(r"%%vain(?:[ \t]+(.*))?$")
_IPYTHON_FOLDER = str(Path(IPython.__file__).parent)


class Cell:
    """A cell that runs: the task that it is (and those in it), and the timer that would make it one."""

    def __init__(self, info: ExecutionInfo) -> None:
        self.info = info
        self.source: str = info.raw_cell or ""
        self.thread = threading.get_ident()
        self.began_at = time.monotonic()
        self.last_error = getattr(sys, "last_value", None)
        self.tasks: list[Handle] = []
        self.is_over = False
        self.timer: threading.Timer | None = None
        self.lock = threading.Lock()


@magics_class
class VainMagics(Magics):
    """The magics of one shell, and the cells that run in it."""

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__(shell)
        self.interactive: InteractiveShell = shell
        self.threshold_seconds: float | None = None
        """Cells that run longer become tasks; None: none do."""
        self.panel: Any = None
        self._cells: list[Cell] = []
        self._last_began_at = time.monotonic()

    @line_cell_magic
    def vain(self, line: str, cell: str | None = None) -> None:
        """Run a cell as a task, or show the tasks and the machine, live.

        ``%%vain [name] [--priority low|medium|high] [--tag T]…`` · ``%vain`` · ``%vain off`` · ``%vain url`` ·
        ``%vain auto [--threshold SECONDS]`` · ``%vain auto off``
        """
        if cell is not None and cell.strip():  # called from Python: what stands in a notebook was rewritten before
            self.interactive.run_cell(f"%%vain {line}\n{cell}").raise_error()  # type: ignore[no-untyped-call]
            return
        if cell is not None:
            self._begin(line)
            return
        words = _words(line)
        if not words:
            self._show()
        elif words == ["off"]:
            self._close()
        elif words == ["url"]:
            print(_url())  # noqa: T201
        elif words[0] == "auto":
            self._set_auto(words[1:])
        else:
            raise UsageError(f"%vain does not know {line.strip()!r}; it knows {USAGE}, and %%vain runs a cell.")

    def cell_begins(self, info: ExecutionInfo) -> None:
        """What IPython tells before a cell runs."""
        cell = Cell(info)
        self._last_began_at = cell.began_at
        is_outermost = not any(other.thread == cell.thread for other in self._cells)
        self._cells.append(cell)
        if self.threshold_seconds is not None and is_outermost:
            cell.timer = threading.Timer(self.threshold_seconds, self._took_long, (cell,))
            cell.timer.name, cell.timer.daemon = "vain-auto", True
            cell.timer.start()

    def cell_ended(self, result: ExecutionResult | None) -> None:
        """What IPython tells after a cell ran; without a result it was cancelled before it had one."""
        cell = self._ended_cell(result)
        if cell is None:
            return
        self._cells.remove(cell)
        with cell.lock:
            cell.is_over = True
        if cell.timer is not None:
            cell.timer.cancel()
        for task in reversed(cell.tasks):
            _finish(task, _error_of(cell, result))
            leave(task.run)

    def close(self) -> None:
        """The extension is unloaded: nothing of it stays."""
        self._close()
        for cell in self._cells:
            if cell.timer is not None:
                cell.timer.cancel()

    def _begin(self, line: str) -> None:
        given = _cell_arguments(line)
        cell = next((each for each in reversed(self._cells) if each.thread == threading.get_ident()), None)
        if cell is None:  # IPython tells nothing of what it runs silently
            return
        name = " ".join(given.name) or first_line(cell.source) or "cell"
        task = Handle(name, {"kind": "cell", "tags": given.tag, "priority": given.priority}).begin()
        with cell.lock:
            cell.tasks.append(task)
        enter(task.run)

    def _took_long(self, cell: Cell) -> None:
        """In the timer's thread: the cell runs still, and is a task from when it began."""
        with cell.lock:
            if cell.is_over or cell.tasks:
                return
            ago = time.monotonic() - cell.began_at
            name = first_line(cell.source) or "cell"
            cell.tasks.append(Handle(name, {"kind": "cell", "began_ago_seconds": ago}).begin())

    def _ended_cell(self, result: ExecutionResult | None) -> Cell | None:
        here = [cell for cell in self._cells if cell.thread == threading.get_ident()]
        if result is None:
            return here[-1] if here else None
        info = result.info
        known = [cell for cell in here if cell.info is info]
        # A cell that broke off IPython's own runner has another info, which says the same.
        alike = [cell for cell in here[-1:] if info is not None and cell.source == info.raw_cell]
        return next(iter(known or alike), None)

    def _set_auto(self, words: list[str]) -> None:
        if words == ["off"]:
            self.threshold_seconds = None
            print("No cell becomes a task by itself.")  # noqa: T201
            return
        parser = _Parser(prog="%vain auto", add_help=False, allow_abbrev=False)
        parser.add_argument("--threshold", type=_threshold, default=DEFAULT_THRESHOLD_SECONDS)
        self.threshold_seconds = parser.parse_args(words).threshold
        print(f"A cell that runs longer than {self.threshold_seconds:g} s becomes a task.")  # noqa: T201

    def _show(self) -> None:
        if not hasattr(self.interactive, "kernel"):
            print(f"A terminal cannot show the live panel: the dashboard is at {_url()}, for a browser.")  # noqa: T201
            return
        from vain.views.notebook import NotebookPanel  # noqa: PLC0415  # a second, for those alone who look

        self._close()
        self.panel = NotebookPanel(self.interactive.display_pub, self._idle_seconds).show()

    def _close(self) -> None:
        if self.panel is not None:
            self.panel.stop()
            self.panel = None

    def _idle_seconds(self) -> float:
        """Since a cell last began."""
        return time.monotonic() - self._last_began_at


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence, as a magic should, and never ends the process."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{self.prog}: {message}.")


def load_ipython_extension(shell: InteractiveShell) -> None:
    """What ``%load_ext vain`` calls. Twice is once."""
    unload_ipython_extension(shell)
    magics = VainMagics(shell)
    shell.register_magics(magics)
    shell.events.register("pre_run_cell", magics.cell_begins)
    shell.events.register("post_run_cell", magics.cell_ended)
    shell.input_transformers_cleanup.append(rewritten)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """What ``%unload_ext vain`` calls: hooks and panel go."""
    magics = shell.magics_manager.registry.pop("VainMagics", None)
    if magics is None:
        return
    magics.close()
    for kind in ("line", "cell"):
        shell.magics_manager.magics[kind].pop("vain", None)
    shell.events.unregister("pre_run_cell", magics.cell_begins)
    shell.events.unregister("post_run_cell", magics.cell_ended)
    while rewritten in shell.input_transformers_cleanup:
        shell.input_transformers_cleanup.remove(rewritten)


def rewritten(lines: list[str]) -> list[str]:
    """A cell whose first line is ``%%vain …``, with that line as a call, and a magic below it as IPython would have it.

    The call stands in one line, so that every line of a traceback keeps its number.
    """
    found = _CELL_LINE.match(lines[0].rstrip()) if lines else None
    if found is None:
        return lines
    call = f"get_ipython().run_cell_magic('vain', {found[1] or ''!r}, '\\n')\n"
    blank = next((number for number, line in enumerate(lines[1:], 1) if line.strip()), len(lines))
    below = lines[blank:] and cell_magic(lines[blank:])  # type: ignore[no-untyped-call]  # of IPython
    return [call, *lines[1:blank], *below]


# IPython asks transformers without this while a person types, and would run the first line before the second is there.
rewritten.has_side_effects = True  # type: ignore[attr-defined]


def first_line(source: str) -> str:
    """What the first line of a cell that is neither a comment nor a magic begins with, up to its first value.

    As with a command, of which the program's name is stored: what it is given may be nobody's business.
    """
    lines = (line.strip() for line in source.splitlines())
    named = next((line for line in lines if line and line[0] not in "#%!?"), "")
    named = VALUES.split(named, maxsplit=1)[0].rstrip(" +-*/%&|^<>!@:,")
    return named if len(named) <= LONGEST_NAME else f"{named[: LONGEST_NAME - 1]}…"


def _url() -> str:
    try:
        return settings.load().url
    except Misconfigured as error:
        raise UsageError(error.detail) from None


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError:  # an apostrophe in a name is no opened quote
        return line.split()


def _cell_arguments(line: str) -> argparse.Namespace:
    parser = _Parser(prog="%%vain", add_help=False, allow_abbrev=False)
    parser.add_argument("name", nargs="*")
    parser.add_argument("--priority", choices=PRIORITIES, default="medium")
    parser.add_argument("--tag", action="append", default=[])
    return parser.parse_intermixed_args(_words(line))


def _threshold(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 < seconds <= LONGEST_THRESHOLD_SECONDS:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds above 0, such as 10")
    return seconds


def _error_of(cell: Cell, result: ExecutionResult | None) -> BaseException | None:
    """What ended the cell, if it did not end by itself."""
    if result is None:
        return asyncio.CancelledError()
    error: BaseException | None = result.error_before_exec or result.error_in_exec
    shown: BaseException | None = getattr(sys, "last_value", None)
    # Some magics (%%time) show the traceback themselves, and IPython then knows of no error.
    return error if error is not None or shown is cell.last_error else shown


def _finish(task: Handle, error: BaseException | None) -> None:
    if isinstance(error, Exception):
        task.run.end("failed", error=_told(error))
    else:
        task.finish(error)


def _told(error: BaseException) -> dict[str, object]:
    """The error, with a traceback that begins in the cell and not in IPython."""
    frame = error.__traceback__
    while frame is not None and frame.tb_frame.f_code.co_filename.startswith(_IPYTHON_FOLDER):
        frame = frame.tb_next
    lines = traceback.format_exception(type(error), error, frame or error.__traceback__)
    return drafts.error(error) | {"traceback": "".join(lines)}
