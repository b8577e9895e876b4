"""The busiest processes of the machine, looked at every few seconds: who is among them.

Pure. What a look has is the ten that used most CPU, the ten that hold most memory and the ten that read and wrote
most, each process once. Only their short names are ever kept: no arguments, no environment.
"""

from __future__ import annotations

from collections.abc import Iterable
from heapq import nlargest
from typing import NamedTuple

LOOK_SECONDS = 5.0
"""Between two looks. A process that lived for less may never be seen."""
SLACK_SECONDS = 0.25
"""A tick that comes this much too early is not waited for a whole period more."""
MOST_OF_EACH = 10
LONGEST_NAME = 64


class Process(NamedTuple):
    """One process as a look saw it. CPU in percent of one core, and bytes read and written a second, since the look
    before; ``task_id`` is the innermost task that it belongs to. Unknown is None."""

    pid: int
    name: str
    task_id: int | None
    cpu_percent: float | None
    rss_bytes: int | None
    bytes_per_second: float | None


def busiest(processes: Iterable[Process], most: int = MOST_OF_EACH) -> list[Process]:
    """Those among the ``most`` by CPU, by memory or by bytes, each once; who used nothing is not among the first."""
    known = list(processes)
    chosen: dict[int, Process] = {}
    for used in (
        [(each.cpu_percent or 0.0, each.pid, each) for each in known],
        [(float(each.rss_bytes or 0), each.pid, each) for each in known],
        [(each.bytes_per_second or 0.0, each.pid, each) for each in known],
    ):
        chosen.update((pid, each) for much, pid, each in nlargest(most, used) if much > 0)
    return sorted(chosen.values())
