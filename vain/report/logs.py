"""``vain.LogHandler``: what the job logs goes into the log of the task that it logs it in."""

from __future__ import annotations

import logging

from vain.report.handle import current

OWN = "vain.report"


class LogHandler(logging.Handler):
    """Add it to a logger: ``logging.getLogger().addHandler(vain.LogHandler())``. Outside of a task it does nothing."""

    def emit(self, record: logging.LogRecord) -> None:
        """Add the record to the current task's log."""
        if record.name.startswith(OWN):
            return
        try:
            task = current()
            if task is not None:
                task.log(self.format(record))
        except Exception:  # noqa: BLE001  # as every handler of the standard library does
            self.handleError(record)
