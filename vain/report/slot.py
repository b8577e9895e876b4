"""What the sender knows of one run: how much of it lies in the spool, and how much the server has."""

from __future__ import annotations

import time

from vain import spool
from vain.report.run import Run, encoded

UPDATE_SECONDS = 0.5
"""Between two reports of the progress of one run."""


class Slot:
    """Used by the sender's thread alone."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.body = encoded(run.draft)
        """Fixed with the beginning: the idempotency key may come again only with the same bytes."""
        self.sent_at = 0.0
        self._is_kept = self._is_noted = False
        self._kept_patch: dict[str, object] = {}

    @property
    def due_at(self) -> float:
        """When the next report may go, on the monotonic clock. A beginning and an end do not wait."""
        run = self.run
        return self.sent_at + UPDATE_SECONDS if run.is_open and run.task_id is not None else 0.0

    @property
    def is_wholly_kept(self) -> bool:
        """Whether the run has ended and the spool has all of it."""
        run = self.run
        return not run.is_open and self._is_kept and self._kept_patch == run.patch and run.log.spooled_to == run.log.end

    def needs_beat(self, seconds: float) -> bool:
        """Whether the server expects a sign of life, and has had none for this long."""
        run = self.run
        is_late = time.monotonic() - self.sent_at >= seconds
        return run.is_open and run.task_id is not None and is_ours(run.draft) and is_late

    def keep(self, file: spool.Spool, with_progress: bool) -> None:
        """Write to the spool what it does not have. Raises OSError."""
        run = self.run
        patch, at = run.unsent()
        everything = with_progress or "outcome" in patch
        if run.task_id is None or (everything and run.is_dirty):
            self._keep_beginning(file)
        if everything and patch and patch != self._kept_patch:
            file.add(spool.said(run.run_id, at, patch))
            self._kept_patch = patch
        if everything and run.log.spooled_to < run.log.end:
            offset, data = run.log.since(max(run.log.spooled_to, run.log.sent_to))
            file.add(spool.logged(run.run_id, at, offset, data))
            run.log.spooled_to = offset + len(data)
        if "outcome" in patch:
            run.kept.set()

    def note_delivery(self, file: spool.Spool) -> None:
        """Write to the spool what need not be sent any more. Raises OSError."""
        run = self.run
        if not self._is_kept or run.task_id is None:
            return
        if run.is_delivered:
            file.add(spool.done(run.run_id))
        elif not self._is_noted or (self._kept_patch and not run.is_dirty):
            file.add(spool.sent(run.run_id, run.task_id, not run.is_dirty))
            self._is_noted = True
            self._kept_patch = self._kept_patch if run.is_dirty else {}

    def cleared(self) -> None:
        """The spool has been emptied."""
        self._is_kept = self._is_noted = False
        self._kept_patch = {}

    def _keep_beginning(self, file: spool.Spool) -> None:
        if not self._is_kept:
            run = self.run
            file.add(spool.began(run.run_id, run.began_at, run.parent_run_id, run.draft, run.task_id))
            self._is_kept = True


def is_ours(draft: dict[str, object]) -> bool:
    """Whether the process that reports does the work: then the server may expect to hear that it lives."""
    source = draft.get("source")
    return not (isinstance(source, dict) and source.get("kind") == "attached")
