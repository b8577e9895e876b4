"""Which run a child process of this one belongs to, as the environment tells it.

The environment is one for all threads. So it names the innermost run that all open runs of this process lie in: with
one inside the other that is the innermost; with several side by side, the one around them, or none.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping

from vain import settings
from vain.report.run import Run


class Surroundings:
    def __init__(self) -> None:
        self._open: dict[str, Run] = {}
        self._of_main: set[str] = set()
        """The runs that the main thread began."""
        self._shown: Run | None = None
        self._before: Mapping[str, str | None] | None = None

    def begun(self, run: Run) -> None:
        self._open[run.run_id] = run
        if threading.current_thread() is threading.main_thread():
            self._of_main.add(run.run_id)
        self._show(_innermost(list(self._open.values())))

    def ended(self, run: Run) -> None:
        self._of_main.discard(run.run_id)
        if self._open.pop(run.run_id, None) is not None:
            self._show(_innermost(list(self._open.values())))

    def around_threads(self) -> Run | None:
        """The run that a thread's work is part of which knows of none: what the main thread is in, if that is one."""
        if threading.current_thread() is threading.main_thread():
            return None
        return _innermost([run for run_id, run in self._open.items() if run_id in self._of_main])

    def _show(self, run: Run | None) -> None:
        if run is self._shown:
            return
        self._shown = run
        if self._before is not None:
            settings.restore_run(self._before)
            self._before = None
        if run is not None:
            self._before = settings.enter_run(run.run_id, run.task_id)


def _around(run: Run | None) -> Iterator[Run]:
    while run is not None:
        yield run
        run = run.parent


def _innermost(runs: list[Run]) -> Run | None:
    with_children = {run.parent.run_id for run in runs if run.parent is not None}
    leaves = [run for run in runs if run.run_id not in with_children]
    shared = list(_around(leaves[0])) if leaves else []
    for leaf in leaves[1:]:
        around = list(_around(leaf))
        shared = [run for run in shared if run in around]
        if not shared:
            break
    return next((run for run in shared if run.is_open), None)
