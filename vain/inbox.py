"""Reports that were left in the spool: their process ended while the server was away.

The spool is a folder of this user's. What is meant for this server is taken from it, in the order in which it began,
and each report exactly once: it is removed after its task was stored, and a second time finds the task by its key.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from vain.clock import Clock
from vain.codec import decode
from vain.errors import Conflict, Invalid, Malformed, NotFound, VainError
from vain.spool import Abandoned, RunReport, abandoned, folded
from vain.tracker import Made, Report, Tracker
from vain.types import Task, TaskDraft, TaskPatch

MOST_AT_ONCE = 100
"""Files of the spool that are read together, so that runs of several processes come in the order of their beginning."""

MOST_CORRECTIONS = 5
NEEDED = frozenset({"name", "status", "outcome"})
"""Without these a report says nothing."""

T = TypeVar("T")

logger = logging.getLogger(__name__)


class Inbox:
    """``is_ours`` says whether an address that a report was meant for is this server's. Belongs to the event loop."""

    def __init__(self, folder: Path, tracker: Tracker, is_ours: Callable[[str], bool], wall: Clock = time.time) -> None:
        self._folder, self._tracker, self._is_ours, self.wall = folder, tracker, is_ours, wall

    async def sweep(self) -> int:
        """Take what was left. Returns how many tasks it was of.

        All of it at once: the last words of a process that is gone are to come before it counts as crashed.
        """
        taken = 0
        while True:
            files = await asyncio.to_thread(self._left)
            count, is_whole = await self._take_from(files)
            taken += count
            if len(files) < MOST_AT_ONCE or not is_whole:
                return taken

    async def _take_from(self, files: Sequence[Abandoned]) -> tuple[int, bool]:
        """How many reports were taken, and whether none of them has to wait."""
        try:
            reports = [(report, file) for file in files for report in await asyncio.to_thread(_reports, file)]
            reports.sort(key=lambda pair: pair[0].began_at)
            done = 0
            while done < len(reports) and await self.take(reports[done][0]):
                done += 1
            kept = {id(file) for _, file in reports[done:]}
            for file in files:
                if id(file) not in kept:
                    await asyncio.to_thread(file.remove)
            return done, not kept
        finally:
            for file in files:
                file.release()

    def _left(self) -> list[Abandoned]:
        files: list[Abandoned] = []
        for file in abandoned(self._folder):
            if not self._is_meant(file.url):
                file.release()
                continue
            files.append(file)
            if len(files) == MOST_AT_ONCE:
                break
        return files

    def _is_meant(self, url: str) -> bool:
        try:
            return self._is_ours(url)
        except ValueError:  # it is no address
            return False

    async def take(self, report: RunReport, host: str | None = None) -> bool:
        """Store one report, of a run on this ``host`` if one is named. Whether it is done with: also if it can never be
        stored."""
        try:
            await self._store(report, host)
        except (NotFound, Conflict, Invalid, Malformed) as error:
            logger.warning("What was left of a run is given up: %s", error.detail)
        except VainError as error:
            logger.warning("A report from the spool must wait: %s", error.detail)
            return False
        except Exception:
            # Whatever it is, it would be so again; the reports behind it must not wait for ever.
            logger.exception("What was left of a run is given up")
        return True

    async def _store(self, report: RunReport, host: str | None) -> None:
        now = self.wall()
        if report.sent_task_id is not None:
            await self._tracker.get(report.sent_task_id)  # one that was deleted does not come back
        # Also if its number is known: in another data folder that is somebody else's, and there it is made anew.
        how = Report(max(0.0, now - report.began_at), report.run_id, report.parent_run_id)
        create = partial(self._tracker.create, report=how)
        made = await _corrected(TaskDraft, report.draft, create)
        task_id = made.task_id
        if host is not None and decode(Task, made.body).host not in (None, host):
            raise Conflict(f"The run {report.run_id} is one of another machine.")  # its name was known, not its task
        if report.patch:
            how = Report(max(0.0, now - report.changed_at), report.run_id)
            await _corrected(TaskPatch, report.patch, partial(self._tracker.update, task_id, report=how))
        if report.log:
            await self._tracker.add_log(task_id, report.log, report.log_offset)


def _reports(file: Abandoned) -> list[RunReport]:
    return folded(file.records())


async def _corrected(type_: type[T], fields: Mapping[str, object], change: Callable[[T], Awaitable[Made]]) -> Made:
    """The change without the fields that are refused: a key that another run holds must not cost a whole report."""
    # As JSON, so that nothing is stored that a request could not bring (NaN, halves of surrogate pairs, NUL).
    known = dict(fields)
    for _ in range(MOST_CORRECTIONS):
        try:
            return await change(decode(type_, json.dumps(known).encode()))
        except (Conflict, Invalid) as error:
            wrong = {(flaw.pointer or "").removeprefix("/").partition("/")[0] for flaw in error.flaws}
            if not wrong & (known.keys() - NEEDED):
                raise
            known = {name: value for name, value in known.items() if name not in wrong - NEEDED}
    return await change(decode(type_, json.dumps(known).encode()))
