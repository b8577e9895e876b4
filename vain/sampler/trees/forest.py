"""Which processes belong to which task: the tree below its root, and what once was in it or carries its name."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from vain.accounting import Identity, Watched
from vain.sampler.trees.table import Look, Stat

MOST_STRANGERS = 1_000
"""Names that are told at once; the newest."""
_RUN = re.compile("[0-9a-f]{32}")

STARTED_TOLERANCE_SECONDS = 30.0
"""A start in Unix seconds is known through the time of boot, which is rounded to a second and moves when the clock is
set. A number that was given again belongs to a later process, and not within so short a time."""


class _Carried(NamedTuple):
    """The run that a process was started in, and which program it was when its environment was read."""

    run_id: str | None
    program: bytes


class Tree:
    """The processes of one attempt of a task. One whose process is on another machine has no root."""

    def __init__(self, watched: Watched) -> None:
        self.watched = watched
        self.root: Identity | None = None
        """Once it was found; then nothing else is taken for it."""
        self.members: dict[Identity, Stat] = {}

    def is_root(self, stat: Stat, booted_at: float | None, ticks_per_second: float) -> bool:
        """Whether a process with the right number is the one that is meant."""
        if self.root is not None:
            return stat.identity == self.root
        if self.watched.started_at is None or booted_at is None:
            return True
        started = booted_at + stat.identity.started / ticks_per_second
        return started - self.watched.started_at <= STARTED_TOLERANCE_SECONDS

    def refresh(self, look: Look, children: Mapping[int, Sequence[Stat]], named: Mapping[str, Sequence[Stat]]) -> None:
        """Take in what the process table says now: members stay until they end, whoever their parent is."""
        kept = [stat for identity in self.members if (stat := _same(look, identity)) is not None]
        root = None if self.root is None else _same(look, self.root)
        carriers = [stat for name in self.watched.names for stat in named.get(name, ())]
        waiting = [*kept, *([root] if root else []), *carriers]
        found: dict[Identity, Stat] = {}
        while waiting:
            stat = waiting.pop()
            if stat.identity not in found:
                found[stat.identity] = stat
                # Nobody is older than the parent, unless its number was given again: not all are read each time.
                below = children.get(stat.identity.pid, ())
                waiting.extend(each for each in below if each.identity.started >= stat.identity.started)
        self.members = found


class Forest:
    """All watched trees, and which run each process was started in."""

    def __init__(self, run_of: Callable[[int], tuple[str | None, bool]]) -> None:
        self.trees: dict[tuple[int, int], Tree] = {}
        self._run_of = run_of
        self._runs: dict[Identity, _Carried] = {}
        self.hidden: set[Identity] = set()
        """Processes whose environment could not be read."""

    def follow(self, watched: Sequence[Watched]) -> bool:
        """Have a tree for each of these and no other; whether there is a new one."""
        trees = {(each.key, each.attempt): each for each in watched}
        self.trees = {run: tree for run, tree in self.trees.items() if run in trees}
        new = [run for run in trees if run not in self.trees]
        for run, each in trees.items():
            known = self.trees.get(run)
            if known is None:
                self.trees[run] = Tree(each)
            elif (known.watched.pid, known.watched.started_at) == (each.pid, each.started_at):
                known.watched = each
            else:  # another process goes on with the work; what is left of the old one belongs to it still
                self.trees[run] = Tree(each)
                self.trees[run].members = known.members
                new.append(run)
        return bool(new)

    @property
    def has_unfound(self) -> bool:
        """Whether a tree's root is still looked for, so that a start has to be compared with the time of boot."""
        return any(tree.root is None and tree.watched.pid is not None for tree in self.trees.values())

    def refresh(self, look: Look, booted_at: float | None, ticks_per_second: float) -> None:
        """Find the members of all trees."""
        self.notice(look)
        children: dict[int, list[Stat]] = {}
        for stat in look.processes.values():
            children.setdefault(stat.parent_pid, []).append(stat)
        named: dict[str, list[Stat]] = {}
        for identity, (run_id, _) in self._runs.items():
            named_stat = None if run_id is None else _same(look, identity)
            if run_id is not None and named_stat is not None:
                named.setdefault(run_id, []).append(named_stat)
        for tree in self.trees.values():
            root = None if tree.watched.pid is None else look.processes.get(tree.watched.pid)
            if tree.root is None and root is not None and tree.is_root(root, booted_at, ticks_per_second):
                tree.root = root.identity
            tree.refresh(look, children, named)
        self._adopt()

    def members(self) -> dict[Identity, Stat]:
        """Each process that belongs to a task, once."""
        together: dict[Identity, Stat] = {}
        for tree in self.trees.values():
            together |= tree.members
        return together

    def notice(self, look: Look) -> None:
        """Read the environment of each process once: not of all anew when a tree is added, since it never changes.

        One that carries no name is asked again when it has become another program (a script that execs the work).
        """
        there = {stat.identity for stat in look.processes.values()}
        self._runs = {identity: run for identity, run in self._runs.items() if identity in there}
        self.hidden &= there
        for stat in look.processes.values():
            known = self._runs.get(stat.identity)
            if known is not None and (known.run_id is not None or known.program == stat.name or not stat.rss_pages):
                continue  # the kernel's own threads, which have no memory, change what they are called all the time
            if stat.is_dead:
                continue
            run_id, is_readable = self._run_of(stat.identity.pid)
            self._runs[stat.identity] = _Carried(run_id, stat.name)
            (self.hidden.discard if is_readable else self.hidden.add)(stat.identity)

    def strangers(self) -> list[str]:
        """The names that processes carry and no tree has: runs of another machine, maybe; the newest of them."""
        known = {name for tree in self.trees.values() for name in tree.watched.names}
        carried = dict.fromkeys(each.run_id for each in self._runs.values() if each.run_id is not None)
        strange = [name for name in carried if name not in known and _RUN.fullmatch(name)]
        return strange[-MOST_STRANGERS:]

    def _adopt(self) -> None:
        """What a task's children have outside of its tree (orphans with their name) is the parent task's as well."""
        for tree in self.trees.values():
            for other in self.trees.values():
                if (
                    other is not tree
                    and other.root is not None
                    and other.root in tree.members
                    and other.root != tree.root
                ):
                    tree.members = {**tree.members, **other.members}


def _same(look: Look, identity: Identity) -> Stat | None:
    stat = look.processes.get(identity.pid)
    return stat if stat is not None and stat.identity == identity else None
