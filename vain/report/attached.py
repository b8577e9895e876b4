"""``vain.attach``: a process that already runs as a task. The server follows it, and ends the task when it is gone."""

from __future__ import annotations

import logging
from typing import Any

from vain import identity
from vain.report.reporter import begin, mute
from vain.report.run import Run

logger = logging.getLogger("vain.report")


def attach(pid: int, name: str | None = None, **fields: Any) -> Run:
    """A task for the process ``pid`` of this machine, called as its program is if no name is given.

    Returns at once, and waits for nothing. ``fields`` are those of ``vain.task``. Without such a process, nothing is
    reported.
    """
    source = identity.of_process(pid)
    if source["pid_started_at"] is None and source["command"] is None:
        logger.warning("there is no process %s to attach to", pid)
        return mute(name or pid)
    return begin(name or source["command"] or f"process {pid}", "attached", source=source, **fields)
