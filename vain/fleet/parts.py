"""What tasks have used on each host, of which agents or other servers tell: the parts of a whole."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from vain.costs import Cost, without_now

NOTHING: Mapping[str, Cost] = {}


class Parts:
    """By task and host. Belongs to the event loop; ``of`` may be called in any thread, since what is in it is replaced,
    never changed."""

    def __init__(self) -> None:
        self._parts: dict[int, dict[str, Cost]] = {}

    def of(self, task_id: int) -> Mapping[str, Cost]:
        """What is known of one task, by host."""
        parts = self._parts.get(task_id)
        return NOTHING if parts is None else parts.copy()

    def tasks(self) -> Collection[int]:
        """The tasks of which something is known."""
        return self._parts.keys()

    def take(self, task_id: int, host: str, cost: Cost) -> None:
        """What a task has used on a host until now."""
        self._parts.setdefault(task_id, {})[host] = cost

    def forget(self, task_id: int) -> None:
        """It is over."""
        self._parts.pop(task_id, None)

    def drop(self, task_id: int, host: str) -> None:
        """What is known of this host does not count any more."""
        parts = self._parts.get(task_id, {})
        if parts.pop(host, None) is not None and not parts:
            del self._parts[task_id]

    def leave(self, host: str) -> None:
        """Another server tells of this host from now on."""
        for task_id in list(self._parts):
            self.drop(task_id, host)

    def fall_silent(self, host: str) -> None:
        """Nothing is heard of it: what its processes use now is not known any more."""
        for parts in self._parts.values():
            if (cost := parts.get(host)) is not None:
                parts[host] = cost._replace(resources=without_now(cost.resources))
