"""The rows over the time of a frame: who is let in, where families stand, which row each gets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, floor, inf
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from vain.packing.frame import Frame
from vain.packing.tasks import Tasks

Integers = npt.NDArray[np.int64]

GAP_PIXELS: Final = 6.0
LEAST_BAR_PIXELS: Final = 3.0
LABEL_PIXELS: Final = 7.0
LABEL_CHARACTERS: Final = 24
SIGN_PIXELS: Final = 20.0
INSIDE_PIXELS: Final = 120.0
"""A bar of this width shows the begin of any label."""
MOST_GENERATIONS: Final = 32


class Kin(NamedTuple):
    """What the packing has to know of a task beside its times."""

    parent_id: int | None
    name_length: int


class _Member:
    """A task as it takes room: columns from ``begin`` (included) to ``end``."""

    def __init__(self, task_id: int, born: float, begin: int, end: int) -> None:
        self.task_id, self.born, self.begin, self.end = task_id, born, begin, end
        self.parent: _Member | None = None
        self.family: _Family
        self.turn = born
        self.is_shown = False


class _Family:
    """A root and its descendants; its rows are its own from the first begin to the last end."""

    def __init__(self, root: _Member) -> None:
        self.root = root
        self.born, self.begin, self.end = root.born, root.begin, root.end
        self.height = 0
        self.children: list[_Member] = []
        self._taken: Integers = np.array([], np.int64)

    def join(self, member: _Member) -> None:
        """Widen the family's time by a member's."""
        self.born = min(self.born, member.born)
        self.begin, self.end = min(self.begin, member.begin), max(self.end, member.end)

    def has_room(self, member: _Member) -> bool:
        """Whether a child fits into the rows that the family has."""
        if not len(self._taken):
            self._taken = np.zeros(self.end - self.begin, dtype=np.int64)
        part = self._taken[member.begin - self.begin : member.end - self.begin]
        return int(part.max(initial=0)) + 1 < self.height

    def take(self, member: _Member) -> None:
        """Show a child, for which there is room."""
        self._taken[member.begin - self.begin : member.end - self.begin] += 1
        self.children.append(member)


class Hall:
    """The rows over the time of the frame: who has been let in, and at the end who stands where."""

    def __init__(self, tasks: Tasks, kin: Mapping[int, Kin], frame: Frame, rows: int) -> None:
        self._frame, self._rows = frame, rows
        self._taken = np.zeros(frame.columns, dtype=np.int64)
        self._members: dict[int, _Member] = {}
        for task_id, begin, end in tasks.times(kin):
            self._members[task_id] = self._member(task_id, begin, end, kin[task_id])
        for task_id, member in self._members.items():
            member.parent = self._members.get(kin[task_id].parent_id or 0)
        self._families = self._gathered()

    def admit(self, task_id: int) -> bool:
        """Show a task, if there is room for it and for all above it; whether it is shown."""
        member = self._members.get(task_id)
        return member is not None and self._admit(member)

    def rows(self) -> dict[int, tuple[int, int]]:
        """The row and the depth of each that is shown."""
        free_from = [0] * self._rows
        found: dict[int, tuple[int, int]] = {}
        shown = [family for family in self._families if family.height]
        for family in sorted(shown, key=lambda family: (family.born, family.root.task_id)):
            base, height = _first_fit(free_from, family.begin, family.height)
            if height:
                free_from[base : base + height] = [family.end] * height
                found |= _stacked(family, base, height)
        return found

    def _admit(self, member: _Member) -> bool:
        if member.is_shown:
            return True
        family = member.family
        if not family.height and not self._grow(family):
            return False
        family.root.is_shown = True
        if member is family.root:
            return True
        if member.parent is None or not self._admit(member.parent):
            return False
        if not family.has_room(member) and not self._grow(family):
            return False
        if family.has_room(member):
            family.take(member)
            member.is_shown = True
        return member.is_shown

    def _grow(self, family: _Family) -> bool:
        part = self._taken[family.begin : family.end]
        if int(part.max(initial=0)) >= self._rows:
            return False
        part += 1
        family.height += 1
        return True

    def _member(self, task_id: int, begin: float, end: float, known: Kin) -> _Member:
        frame = self._frame
        last = (
            frame.columns if end == inf else ceil((_with_label(begin, end, known, frame) - frame.begin) / frame.column)
        )
        first = min(max(floor((begin - frame.begin) / frame.column), 0), frame.columns - 1)
        return _Member(task_id, begin, first, min(max(last, first + 1), frame.columns))

    def _gathered(self) -> list[_Family]:
        families: dict[int, _Family] = {}
        for member in self._members.values():
            root = _root_of(member)
            family = families.setdefault(root.task_id, _Family(root))
            family.join(member)
            member.family = family
        return list(families.values())


def _with_label(begin: float, end: float, known: Kin, frame: Frame) -> float:
    """Where the room that a bar takes ends: a short one has its label on the right."""
    end = max(end, begin + LEAST_BAR_PIXELS * frame.pixel)
    label = LABEL_PIXELS * min(known.name_length, LABEL_CHARACTERS) + SIGN_PIXELS
    is_inside = end - begin >= min(label, INSIDE_PIXELS) * frame.pixel
    return end + (GAP_PIXELS + (0 if is_inside else label)) * frame.pixel


def _root_of(member: _Member) -> _Member:
    """The highest above a task that is known here; a circle of parents is cut where it was entered."""
    seen = {member.task_id}
    root = member
    while root.parent is not None:
        if root.parent.task_id in seen or len(seen) >= MOST_GENERATIONS:
            root.parent = None
            break
        root = root.parent
        seen.add(root.task_id)
    return root


def _first_fit(free_from: Sequence[int], begin: int, height: int) -> tuple[int, int]:
    """The first so many rows beside each other that are free from then on, or as many as there are."""
    best = (0, 0)
    run = 0
    for row, free in enumerate(free_from):
        run = run + 1 if free <= begin else 0
        if run > best[1]:
            best = (row - run + 1, run)
        if run == height:
            break
    return best


def _stacked(family: _Family, base: int, height: int) -> dict[int, tuple[int, int]]:
    """The rows of a family: each below its parent, in the first that is free."""
    found = {family.root.task_id: (base, 0)}
    free_from = [0] * height
    for member in family.children:
        parent = member.parent
        # Parents were let in before their children.
        member.turn = member.born if parent is None else max(member.born, parent.turn)
    order = {member.task_id: place for place, member in enumerate(family.children)}
    for member in sorted(
        family.children, key=lambda each: (each.turn, _depth(each), each.task_id, order[each.task_id])
    ):
        above = found.get(member.parent.task_id) if member.parent is not None else None
        if above is None:
            continue
        for row in range(above[0] - base + 1, height):
            if free_from[row] <= member.begin:
                free_from[row] = member.end
                found[member.task_id] = (base + row, above[1] + 1)
                break
    return found


def _depth(member: _Member) -> int:
    depth = 0
    while member.parent is not None:
        member, depth = member.parent, depth + 1
    return depth
