"""The processes of tasks, on the server's machine, on those with agents, and as far as other servers tell of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping

from vain.codec import encode, trusted
from vain.costs import Cost, parts_of, whole_of
from vain.fleet.fleet import Fleet
from vain.types import Resources, Task
from vain.watch import Watch

_Told = dict[str, dict[int, Cost]]
"""By host and task."""


class Everywhere:
    """The processes of tasks, here and on other hosts: what ``vain.vigil`` and ``vain.marks`` need of both.

    Belongs to the event loop; ``costs`` and ``all_costs`` may be read in any thread.
    """

    def __init__(self, here: Watch, fleet: Fleet) -> None:
        self._here, self._fleet, self._own_host = here, fleet, fleet.own_host
        self._of_others: Mapping[int, Mapping[str, Cost]] = {}
        self._peaks: Mapping[int, Cost] = {}
        """Of tasks on several hosts, with the largest sums that were seen until now."""
        self.costs: Mapping[int, Cost] = _Wholes(lambda task_id: self._whole(task_id, self._known(task_id)), self._ours)
        """What this server knows by itself."""
        self.all_costs: Mapping[int, Cost] = _Wholes(
            lambda task_id: self._whole(task_id, self.parts(task_id)),
            lambda: {*self._ours(), *self._of_others},
        )
        """And what others tell: a task may be changed at a server that does not see its processes."""
        fleet.whereabouts.parts, fleet.whereabouts.on_added = self.parts, self._added

    def follow(self, task: Task, run_id: str | None) -> None:
        """See ``Watch``."""
        self._fleet.follow(task, run_id)
        self._here.follow(task, run_id, self._fleet.whereabouts.names(task.task_id, self._own_host))
        self._added(task, self._own_host)

    def forget(self, task_id: int) -> None:
        """See ``Watch``."""
        self._here.forget(task_id)
        self._fleet.forget_task(task_id)

    def take_look(self) -> None:
        """This machine was looked at: what is strange here is asked about, and sums over hosts are taken.

        To be called for each sample.
        """
        if strangers := self._here.take_strangers():
            self._fleet.whereabouts.ask(self._own_host, strangers, self._here.boot_id)
        wholes = {task_id: self.all_costs.get(task_id) for task_id in self._fleet.whereabouts.spread()}
        self._peaks = {task_id: whole for task_id, whole in wholes.items() if whole is not None}

    def parts(self, task_id: int) -> Mapping[str, Cost]:
        """What is known of one task, by host: what is seen here goes before what others tell."""
        return {**self._of_others.get(task_id, {}), **self._known(task_id)}

    def has_news(self, task: Task) -> bool:
        """Whether this server knows of a host of which nothing is stored."""
        if task.resources is None:
            return bool(self._known(task.task_id))
        if task.task_id not in self._fleet.whereabouts.spread():
            return False
        return bool(self._known(task.task_id).keys() - parts_of(task.resources, task.host).keys())

    def parts_told(self) -> bytes:
        """What other servers are told."""
        told: _Told = {self._own_host: self._here.costs.copy()}
        for task_id in self._fleet.parts.tasks():
            for host, cost in self._fleet.parts.of(task_id).items():
                told.setdefault(host, {})[task_id] = cost
        return encode(told)

    def parts_heard(self, told: Mapping[str, bytes]) -> None:
        """What other servers tell; what nobody tells any more is forgotten."""
        heard: dict[int, dict[str, Cost]] = {}
        for body in told.values():
            for host, costs in trusted(_Told, body).items():
                for task_id, cost in costs.items():
                    heard.setdefault(task_id, {})[host] = cost
        self._of_others = heard

    def _added(self, task: Task, host: str) -> None:
        """A task has processes on a host beside its own."""
        names = self._fleet.whereabouts.names(task.task_id, host)
        if host != self._own_host or not names:
            return
        if task.task_id in self._fleet.whereabouts.at_home(host):
            self._here.follow(task, None, names)
        else:
            self._here.attend(task, names)

    def _known(self, task_id: int) -> Mapping[str, Cost]:
        parts, own = self._fleet.parts.of(task_id), self._here.costs.get(task_id)
        return parts if own is None else {**parts, self._own_host: own}

    def _ours(self) -> Collection[int]:
        return {*self._here.costs.copy(), *self._fleet.parts.tasks()}

    def _whole(self, task_id: int, parts: Mapping[str, Cost]) -> Cost | None:
        task = self._fleet.whereabouts.task(task_id)
        if task is None or not parts:
            return None
        known = {host: cost.resources for host, cost in parts.items() if cost.attempt == task.attempt}
        seen = self._peaks.get(task_id)
        earlier: list[Resources | None] = [seen.resources] if seen is not None and seen.attempt == task.attempt else []
        whole = whole_of(known, task.host, earlier)
        return None if whole is None else Cost(task.attempt, whole)


class _Wholes(Mapping[int, Cost]):
    """What tasks have used on all hosts together, worked out when it is asked for."""

    def __init__(self, of: Callable[[int], Cost | None], tasks: Callable[[], Collection[int]]) -> None:
        self._of, self._tasks = of, tasks

    def __getitem__(self, task_id: int) -> Cost:
        whole = self._of(task_id)
        if whole is None:
            raise KeyError(task_id)
        return whole

    def __iter__(self) -> Iterator[int]:
        return iter(self._tasks())

    def __len__(self) -> int:
        return len(self._tasks())
