"""On which hosts each task in progress has processes: its home, where its own process is, and those where others are.

A host tells the names of runs that its processes carry and that it was told nothing of. Where such a name is that of a
task in progress, the task is a guest there: what carries its name counts for it, and only its home can end it. A task
that lies within another one counts for that too, as it does on one host: so the tasks around it come along, if they
have their processes where the inner one has its own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

from msgspec.structs import replace

from vain.costs import Cost, only_part
from vain.hosts import WatchedTask, slim
from vain.types import Task

MOST_TASKS = 2_000
"""Of one host, the newest, that its agent is told of."""
MOST_NAMES = 200
"""That processes of one task may carry on one host; an older one is forgotten, and what carried it stays a member."""
DEEPEST = 32
"""Of tasks within tasks."""


class Whereabouts:
    """Belongs to the event loop. ``is_watched`` says whether somebody looks at a machine of this name.

    ``first_list`` is another number in each life of the server: an agent must not take its old list for the new one.
    """

    def __init__(
        self,
        parts: Callable[[int], Mapping[str, Cost]],
        is_watched: Callable[[str], bool] = lambda host: True,
        first_list: int = 1,
    ) -> None:
        self.parts = parts
        """What a task has used on each host, newer than what is stored with it."""
        self.on_added: Callable[[Task, str], None] = lambda task, host: None
        """Called when a task has got others on a host than before."""
        self._is_watched, self._first_list = is_watched, first_list
        self._tasks: dict[int, Task] = {}
        self._runs: dict[str, int] = {}
        self._name: dict[int, str] = {}
        """What the reporter of a task calls it."""
        self._home: dict[int, str] = {}
        self._at_home: dict[str, dict[int, WatchedTask]] = {}
        self._beside: dict[str, dict[int, list[str]]] = {}
        """By host, of tasks that have processes there beside their own: the names that these carry."""
        self._hosts: dict[int, set[str]] = {}
        """Where a task has an entry in ``_beside``."""
        self._lists: dict[str, int] = {}

    def follow(self, task: Task, run_id: str | None) -> str | None:
        """A task is in progress, or changed while it is; ``run_id`` where that is new. The home that it has left."""
        task_id, before = task.task_id, self._tasks.get(task.task_id)
        self._tasks[task_id] = task
        if run_id is not None:
            self._runs[run_id], self._name[task_id] = task_id, run_id
        left = self._follow_home(task)
        if before is not None and before.attempt != task.attempt:
            for host in self._hosts.get(task_id, ()):
                self._changed(host)
        self._follow_stored(task)
        return left

    def forget(self, task_id: int) -> None:
        """It is over."""
        if self._tasks.pop(task_id, None) is None:
            return
        name = self._name.pop(task_id, None)
        if name is not None and self._runs.get(name) == task_id:
            del self._runs[name]
        self._leave_home(task_id)
        for host in self._hosts.pop(task_id, ()):
            del self._beside[host][task_id]
            self._changed(host)

    def ask(self, host: str, runs: Iterable[str], boot_id: str | None = None) -> None:
        """Processes on a host carry these names. One that nobody knows is asked about again when it is seen again: its
        task may not have been reported yet. ``boot_id`` is the host's: it may be a machine of several names."""
        for run_id in runs:
            task = self._tasks.get(self._runs.get(run_id, 0))
            if task is not None and not self._is_same_machine(task, host, boot_id):
                for each in self._around(task):
                    self._add(each, host, run_id)

    def task(self, task_id: int) -> Task | None:
        """One that is in progress. May be called in any thread."""
        return self._tasks.get(task_id)

    def spread(self) -> Collection[int]:
        """The tasks that have processes beside their own, on whatever host."""
        return self._hosts.keys()

    def has(self, task_id: int, host: str) -> bool:
        """Whether a task that is in progress has processes there."""
        return self._home.get(task_id) == host or host in self._hosts.get(task_id, ())

    def at_home(self, host: str) -> Mapping[int, WatchedTask]:
        """The tasks whose own processes are on this host."""
        return self._at_home.get(host, {})

    def guests(self, host: str) -> Collection[int]:
        """The tasks that have processes there beside their own, which are on another host."""
        return [task_id for task_id in self._beside.get(host, ()) if self._home.get(task_id) != host]

    def names(self, task_id: int, host: str) -> list[str]:
        """What processes of a task carry there, beside the task's own name where it is at home."""
        return self._beside.get(host, {}).get(task_id, [])

    def count(self, host: str) -> int:
        """How many tasks in progress have processes there."""
        return len(self._at_home.get(host, ())) + len(self.guests(host))

    def list_of(self, host: str) -> int:
        """The number of the list of what is to be watched there; it changes with the list."""
        return self._lists.get(host, self._first_list)

    def told(self, host: str) -> list[WatchedTask]:
        """What is to be watched there."""
        at_home = [
            replace(watched, runs=names) if (names := self.names(task_id, host)) else watched
            for task_id, watched in self._at_home.get(host, {}).items()
        ]
        return [*at_home, *(self._guest(task_id, host) for task_id in self.guests(host))][-MOST_TASKS:]

    def _guest(self, task_id: int, host: str) -> WatchedTask:
        task, known = slim(self._tasks[task_id], host), self.parts(task_id).get(host)
        if known is not None and known.attempt == task.attempt:  # newer than what is stored
            task = replace(task, resources=only_part(known.resources, task.host, host))
        return WatchedTask(task, self._name.get(task_id), is_guest=True, runs=self.names(task_id, host))

    def _follow_home(self, task: Task) -> str | None:
        task_id, source = task.task_id, task.source
        host = None if source is None or source.pid is None else source.host
        before = self._home.get(task_id)
        left = None if before == host else before
        if left is not None:
            self._leave_home(task_id)
        if host is None:
            return left
        at_home = self._at_home.setdefault(host, {})
        watched = WatchedTask(slim(task, host), self._name.get(task_id))
        if watched != at_home.get(task_id):
            at_home[task_id], self._home[task_id] = watched, host
            self._changed(host)
        return left

    def _leave_home(self, task_id: int) -> None:
        host = self._home.pop(task_id, None)
        if host is None:
            return
        del self._at_home[host][task_id]
        if not self._at_home[host]:
            del self._at_home[host]
        self._changed(host)

    def _follow_stored(self, task: Task) -> None:
        """It had processes on these hosts before this server heard of it: they are not forgotten meanwhile."""
        hosts, name = task.resources and task.resources.hosts, self._name.get(task.task_id)
        for host in hosts or ():
            if name is not None and host != self._home.get(task.task_id) and not self.names(task.task_id, host):
                self._add(task, host, name)

    def _is_same_machine(self, task: Task, host: str, boot_id: str | None) -> bool:
        """Whether its home is this machine under another name, and looked at under that: nothing counts twice."""
        source = task.source
        if source is None or source.host in (None, host) or boot_id is None or source.boot_id != boot_id:
            return False
        return self._is_watched(source.host or "")

    def _around(self, task: Task) -> Iterator[Task]:
        """The task, and those around it: what is the inner one's elsewhere is theirs as well."""
        yield task
        for _ in range(DEEPEST):
            parent, home = self._tasks.get(task.parent_id or 0), task.host
            if parent is None or home is None or not (parent.host == home or self.has(parent.task_id, home)):
                return  # it only says that it belongs to the other: none of its processes came out of that one's
            yield parent
            task = parent

    def _add(self, task: Task, host: str, run_id: str) -> None:
        task_id = task.task_id
        if self._home.get(task_id) == host and self._name.get(task_id) == run_id:
            return
        names = self._beside.setdefault(host, {}).setdefault(task_id, [])
        if run_id in names:
            return
        names.append(run_id)
        del names[:-MOST_NAMES]
        self._hosts.setdefault(task_id, set()).add(host)
        self._changed(host)
        self.on_added(task, host)
        if len(names) == 1:
            self._bring_inner(task_id, host)

    def _bring_inner(self, task_id: int, host: str) -> None:
        """Tasks within it whose home is there may have been elsewhere before it was known to be there."""
        for inner in [each for each in self._tasks.values() if each.parent_id == task_id and each.host == host]:
            for elsewhere in list(self._hosts.get(inner.task_id, ())):
                self.ask(elsewhere, list(self.names(inner.task_id, elsewhere)))

    def _changed(self, host: str) -> None:
        self._lists[host] = self.list_of(host) + 1
