"""The processes of tasks, on the server's machine, on those with agents, and as far as other servers tell of them."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping

from vain.codec import decode, encode
from vain.costs import Cost
from vain.fleet.fleet import Fleet
from vain.types import Task
from vain.watch import Watch


class Everywhere:
    """The processes of tasks, here and on other hosts: what ``vain.vigil`` and ``vain.marks`` need of both."""

    def __init__(self, here: Watch, fleet: Fleet) -> None:
        self._here, self._fleet = here, fleet
        self._of_others: dict[int, Cost] = {}
        self.costs: Mapping[int, Cost] = ChainMap(here.costs, fleet.costs)
        """What this server knows by itself."""
        self.all_costs: Mapping[int, Cost] = ChainMap(here.costs, fleet.costs, self._of_others)
        """And what others tell: a task may be changed at a server that does not see its processes."""

    def follow(self, task: Task, run_id: str | None) -> None:
        """See ``Watch``."""
        self._here.follow(task, run_id)
        self._fleet.follow(task, run_id)

    def forget(self, task_id: int) -> None:
        """See ``Watch``."""
        self._here.forget(task_id)
        self._fleet.forget_task(task_id)

    def costs_told(self) -> bytes:
        """What other servers are told."""
        return encode(dict(self.costs))

    def costs_heard(self, told: Mapping[str, bytes]) -> None:
        """What other servers tell; what nobody tells any more is forgotten."""
        heard: dict[int, Cost] = {}
        for body in told.values():
            heard |= decode(dict[int, Cost], body)
        for task_id in self._of_others.keys() - heard.keys():
            del self._of_others[task_id]
        self._of_others |= heard
