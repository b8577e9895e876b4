"""The lanes of a window: who is shown, where, and what is said of the others."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise
from math import ceil
from typing import NamedTuple

import pytest

from vain.bars import Told, lanes
from vain.errors import Invalid
from vain.lanes import Bar, LaneQuery, Lanes, aligned, checked
from vain.packing.frame import frame_of
from vain.packing.hall import Kin
from vain.packing.tasks import Lives
from vain.types import FAILURES, Outcome

HOUR = 3_600.0
NOW = 1_800_000_000.0
QUERY = LaneQuery(NOW - HOUR, NOW)
SEEDS = range(25)


class Life(NamedTuple):
    """An attempt, in Unix seconds."""

    task_id: int
    arrived: float
    started: float | None = None
    completed: float | None = None
    outcome: Outcome | None = None
    parent_id: int | None = None
    attempt: int = 1
    name: str = "a task"

    def end(self, now: float) -> float:
        return now if self.completed is None else self.completed

    def lived(self, after: float, before: float, now: float) -> bool:
        return self.arrived < before and self.end(now) >= after


class Book:
    """The tasks of some lives."""

    def __init__(self, lives: Sequence[Life]) -> None:
        self.newest = {life.task_id: life for life in sorted(lives, key=lambda life: life.attempt)}

    def kin(self, task_ids: object) -> dict[int, Kin]:
        return {number: Kin(life.parent_id, len(life.name)) for number, life in self.newest.items()}

    def told(self, task_ids: Collection[int]) -> dict[int, Told]:
        return {
            number: Told(number, life.name, "pending", life.attempt, life.parent_id, progress=7)
            for number, life in self.newest.items()
            if number in task_ids
        }

    def children(self, task_ids: object) -> dict[int, int]:
        parents = [life.parent_id for life in self.newest.values() if life.parent_id is not None]
        return {number: parents.count(number) for number in parents}


def laid(lives: Sequence[Life], query: LaneQuery = QUERY, now: float = NOW) -> Lanes:
    """The lanes, as the store and a source make them."""
    wanted = aligned(checked(query))
    frame = frame_of(wanted)
    known = [life for life in lives if life.lived(frame.begin, frame.end, now)]

    def ms(seconds: float | None) -> int:
        return -1 if seconds is None else round(seconds * 1000)

    columns = Lives(
        [life.task_id for life in known],
        [life.attempt for life in known],
        [ms(life.arrived) for life in known],
        [ms(life.started) for life in known],
        [ms(life.completed) for life in known],
        [life.outcome for life in known],
    )
    return lanes(columns, 0, wanted, Book(lives), 1, now)


def some(seed: int, count: int = 300, longest: float = 1_500, families: bool = True) -> list[Life]:
    """Tasks as they come: some short, some long, some within others, some that wait, run, or were begun again."""
    chance = random.Random(seed)
    found: list[Life] = []
    for number in range(1, count + 1):
        arrived = round(NOW - chance.uniform(0, 1.6 * HOUR), 3)
        started = round(arrived + chance.expovariate(1 / 20), 3) if chance.random() < 0.95 else None
        length = chance.choice([1, 30, longest]) * chance.random()
        completed = round((started or arrived) + length, 3)
        parent = chance.randint(max(1, number - 9), number - 1) if families and number > 1 else None
        parent = parent if chance.random() < 0.3 else None
        if completed > NOW or started is None:
            found.append(Life(number, arrived, started if started and started < NOW else None, None, None, parent))
            continue
        outcome: Outcome = "failed" if chance.random() < 0.1 else "succeeded"
        name = "x" * chance.randint(1, 40)
        found.append(Life(number, arrived, started, completed, outcome, parent, name=name))
        if chance.random() < 0.1:
            again = min(completed + chance.uniform(0, 300), NOW)
            found.append(Life(number, again, again, None, None, parent, 2, name))
    return found


def ran(number: int, begin: float, seconds: float, outcome: Outcome = "succeeded") -> Life:
    return Life(number, begin, begin, begin + seconds, outcome)


def rows(found: Lanes) -> dict[int, int]:
    return {bar.task_id: bar.row for bar in found.bars}


def end(bar: Bar) -> float:
    return NOW if bar.ended is None else bar.ended


def neighbours(found: Lanes) -> Iterator[tuple[Bar, Bar]]:
    ordered = sorted(found.bars, key=lambda bar: (bar.row, bar.created))
    return ((one, other) for one, other in pairwise(ordered) if one.row == other.row)


# --- what holds for any tasks ------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("most", [2, 6, 14, 60])
def test_bars_of_a_row_never_overlap_and_no_row_is_beyond_the_last(seed: int, most: int) -> None:
    found = laid(some(seed), LaneQuery(NOW - HOUR, NOW, 1_000, most))
    assert found.bars and found.rows <= most and {bar.row for bar in found.bars} <= set(range(found.rows))
    assert [(one.task_id, other.task_id) for one, other in neighbours(found) if end(one) > other.created] == []


@pytest.mark.parametrize("seed", SEEDS)
def test_each_task_of_the_window_is_a_bar_or_counted(seed: int) -> None:
    lives = some(seed, 600)
    found = laid(lives)
    in_window = {life.task_id for life in lives if life.lived(found.after, found.before, NOW)}
    shown = {bar.task_id for bar in found.bars}
    assert found.total == len(in_window) and shown <= in_window
    assert found.left_out == len(in_window - shown) > 0


@pytest.mark.parametrize("seed", SEEDS)
def test_a_child_is_below_its_parent_and_a_family_keeps_its_rows(seed: int) -> None:
    lives = some(seed, 120)
    found = laid(lives, LaneQuery(NOW - HOUR, NOW, 1_000, 40))
    placed, parents = rows(found), {life.task_id: life.parent_id for life in lives}
    depths = {bar.task_id: bar.depth for bar in found.bars}
    nested = [number for number in placed if parents[number] in placed]
    assert nested and all(placed[number] > placed[parents[number]] for number in nested)  # type: ignore[index]
    assert all(depths[number] == depths[parents[number]] + 1 for number in nested)  # type: ignore[index]

    def root(number: int) -> int:
        above = parents[number]
        return number if above not in placed else root(above)  # type: ignore[arg-type]

    for number in nested:
        begin = min(bar.created for bar in found.bars if root(bar.task_id) == root(number))
        last = max(end(bar) for bar in found.bars if root(bar.task_id) == root(number))
        strangers = [bar for bar in found.bars if bar.row == placed[number] and root(bar.task_id) != root(number)]
        assert not [bar for bar in strangers if bar.created < last and end(bar) > begin]


@pytest.mark.parametrize("seed", SEEDS)
def test_the_order_in_which_tasks_are_given_makes_no_difference(seed: int) -> None:
    lives = some(seed)
    mixed = random.Random(seed).sample(lives, len(lives))
    assert laid(lives) == laid(mixed)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_crowd_counts_those_who_have_no_bar(seed: int) -> None:
    lives = some(seed, 900, 60)
    found = laid(lives)
    assert found.crowd is not None
    shown = {bar.task_id for bar in found.bars}
    hidden = [life for life in lives if life.task_id not in shown and life.started is not None]
    hidden = [life for life in hidden if life.lived(found.after, found.before, NOW)]
    step = found.crowd.step_seconds
    for place in random.Random(seed).sample(range(len(found.crowd.t)), 20):
        begin = found.crowd.t[place]
        running = [each for each in hidden if each.started < begin + step and each.end(NOW) >= begin]  # type: ignore[operator]
        failed = [each for each in hidden if each.outcome in FAILURES and begin <= each.end(NOW) < begin + step]
        assert (found.crowd.running[place], found.crowd.failed[place]) == (len(running), len(failed))


# --- a window that moves -----------------------------------------------------------------------------------------


def windows(first: float, last: float, count: int) -> list[LaneQuery]:
    """Windows of one length that follow each other, and share the moment from which rows are given."""
    moves = [LaneQuery(first + (last - first) * part / count - HOUR, first + (last - first) * part / count)
             for part in range(count)]  # fmt: skip
    assert len({frame_of(aligned(query)).begin for query in moves}) == 1
    return moves


@pytest.mark.parametrize("seed", SEEDS)
def test_a_task_keeps_its_row_while_a_live_window_moves_on(seed: int) -> None:
    """As time goes on tasks begin and end; there is room for all."""
    lives = some(seed, 40, families=False)
    begin = ceil((NOW - HOUR) / 2_048) * 2_048
    known: dict[int, int] = {}
    for query in windows(begin + HOUR - 1_800, begin + HOUR - 1, 40):
        now = query.before
        born = [each for each in lives if each.arrived <= now]
        # What has not ended yet, or not begun, is not known yet.
        seen = [
            each._replace(
                started=None if each.started is None or each.started > now else each.started,
                completed=None if each.completed is None or each.completed > now else each.completed,
            )
            for each in born
            if each.attempt == 1
        ]
        placed = rows(laid(seen, LaneQuery(query.after, query.before, 1_000, 60), now))
        assert {number: row for number, row in placed.items() if known.get(number, row) != row} == {}
        known |= placed
    assert len(known) > 10


@pytest.mark.parametrize("seed", SEEDS)
def test_all_keep_their_rows_while_a_window_of_the_past_is_moved(seed: int) -> None:
    """With families, too: what is seen in two windows stands where it stood."""
    lives = some(seed, 60)
    begin = ceil((NOW - HOUR) / 2_048) * 2_048
    known: dict[int, int] = {}
    moved = windows(begin + HOUR - 500, begin + HOUR - 1, 20)
    assert len({frame_of(aligned(query)).end for query in moved}) == 1
    for query in moved:
        placed = rows(laid(lives, LaneQuery(query.after, query.before, 1_000, 60)))
        assert {number: row for number, row in placed.items() if known.get(number, row) != row} == {}
        known |= placed
    assert len(known) > 10


def test_rows_are_given_from_a_moment_that_seldom_jumps() -> None:
    begins = [frame_of(LaneQuery(NOW + second - HOUR, NOW + second)).begin for second in range(0, 7_200, 10)]
    assert all(NOW + second - HOUR - HOUR <= begin for begin, second in zip(begins, range(0, 7_200, 10), strict=True))
    assert all(begin <= NOW + second - HOUR for begin, second in zip(begins, range(0, 7_200, 10), strict=True))
    assert len(set(begins)) <= 5


def test_windows_that_differ_by_less_than_a_pixel_are_the_same_question() -> None:
    pixel = 2.0
    first = LaneQuery(1_000_000.0, 1_000_000.0 + 1_000 * pixel)
    assert aligned(first) == first
    moved = aligned(LaneQuery(first.after + 0.3 * pixel, first.before - 0.3 * pixel, 1_000))
    assert moved.after <= first.after + 0.3 * pixel and moved.before >= first.before - 0.3 * pixel
    assert aligned(moved) == moved
    assert aligned(LaneQuery(first.after + 0.31 * pixel, first.before - 0.31 * pixel, 1_000)) == moved


# --- who comes first ---------------------------------------------------------------------------------------------


def test_what_runs_comes_first_and_what_waits_comes_last() -> None:
    waiting = [Life(number, NOW - 9 * 86_400) for number in range(1, 101)]
    done = [Life(number, NOW - 3_000, NOW - 3_000, NOW - 30, "succeeded") for number in range(101, 121)]
    runs = [Life(number, NOW - 60, NOW - 50) for number in range(121, 131)]
    found = laid([*waiting, *done, *runs])
    shown = {bar.task_id for bar in found.bars}
    assert shown >= set(range(121, 131)) and not shown & set(range(1, 101))
    assert found.left_out == 116 and found.crowd is not None and max(found.crowd.running) == 16


def test_what_waits_is_shown_where_there_is_room() -> None:
    found = laid([Life(1, NOW - 9 * 86_400), Life(2, NOW - 60, NOW - 50)])
    (waits, runs) = found.bars
    assert (waits.task_id, waits.status, waits.started, waits.ended) == (1, "pending", None, None)
    assert (runs.status, found.left_out, found.crowd) == ("in-progress", 0, None)


def test_what_ended_badly_comes_before_what_took_longer() -> None:
    long = [Life(number, NOW - 3_000, NOW - 3_000, NOW - 600, "succeeded") for number in range(1, 11)]
    bad = [Life(number, NOW - 2_000, NOW - 2_000, NOW - 1_000, "timed-out") for number in range(11, 14)]
    found = laid([*long, *bad], LaneQuery(NOW - HOUR, NOW, rows=4))
    assert {bar.task_id for bar in found.bars} == {1, 11, 12, 13}


def test_of_a_crowd_the_short_have_no_bar_and_their_failures_are_counted() -> None:
    short = [
        ran(number, NOW - HOUR + number, 1, "succeeded" if number % 9 else "crashed") for number in range(1, 3_001)
    ]
    found = laid([*short, Life(4_000, NOW - 900, NOW - 900, NOW - 300, "succeeded")])
    assert [bar.task_id for bar in found.bars] == [4_000]
    assert (found.total, found.left_out) == (3_001, 3_000)
    assert found.crowd is not None and sum(found.crowd.failed) == 333
    few = laid(short[:20])
    assert {bar.task_id for bar in few.bars} and few.left_out < 20


def test_every_part_of_a_window_has_bars_when_there_are_far_too_many() -> None:
    """The longest are all in its first half."""
    lives = [ran(number, NOW - HOUR + number / 2, 60 if number < 3_600 else 20) for number in range(1, 7_100)]
    found = laid(lives)
    assert sum(bar.created > NOW - HOUR / 2 for bar in found.bars) > 20


# --- families, attempts, labels ----------------------------------------------------------------------------------


def test_a_family_stands_together_and_says_how_many_it_hides() -> None:
    parent = Life(1, NOW - 3_000, NOW - 3_000, name="sweep")
    children = [Life(number, NOW - 2_900, NOW - 2_900, None, None, 1) for number in range(2, 12)]
    found = laid([parent, *children], LaneQuery(NOW - HOUR, NOW, rows=6))
    assert [(bar.task_id, bar.row, bar.depth) for bar in found.bars][:2] == [(1, 0, 0), (2, 1, 1)]
    assert len(found.bars) == 6 and found.bars[0].children == 5 and found.left_out == 5


def test_a_running_family_leaves_a_row_to_whatever_else_runs() -> None:
    family = [Life(1, NOW - 3_000, NOW - 3_000), *(Life(n, NOW - n, NOW - n, None, None, 1) for n in range(2, 40))]
    alone = Life(50, NOW - 2_000, NOW - 2_000)
    assert 50 in rows(laid([*family, alone]))


def test_a_child_whose_parent_is_not_there_stands_for_itself() -> None:
    (bar,) = laid([Life(2, NOW - 60, NOW - 60, None, None, 1)]).bars
    assert (bar.row, bar.depth) == (0, 0)


def test_parents_in_a_circle_do_no_harm() -> None:
    found = laid([Life(1, NOW - 60, NOW - 60, None, None, 2), Life(2, NOW - 60, NOW - 60, None, None, 1)])
    assert found.total == 2 and found.bars


def test_a_task_that_was_begun_again_has_a_bar_for_each_attempt() -> None:
    first = Life(1, NOW - 3_000, NOW - 2_990, NOW - 2_000, "failed")
    second = Life(1, NOW - 1_000, NOW - 900, None, None, None, 2)
    found = laid([first, second])
    earlier, newest = found.bars
    assert (earlier.attempt, earlier.row, earlier.status, earlier.outcome) == (1, 0, "completed", "failed")
    assert (newest.attempt, newest.row, newest.status, newest.outcome) == (2, 0, "in-progress", None)
    assert (earlier.created, earlier.started, earlier.ended) == (NOW - 3_000, NOW - 2_990, NOW - 2_000)
    assert (earlier.progress, newest.progress) == (None, 7)
    assert (found.total, found.left_out) == (1, 0)


@pytest.mark.parametrize(("name", "row"), [("x", 0), ("x" * 24, 1)])
def test_a_short_bar_has_room_for_its_label(name: str, row: int) -> None:
    short = Life(1, NOW - 3_000, NOW - 3_000, NOW - 2_990, "succeeded", name=name)
    next_one = Life(2, NOW - 2_800, NOW - 2_800, NOW - 1_000, "succeeded")
    assert rows(laid([short, next_one])) == {1: 0, 2: row}


def test_the_label_of_a_long_bar_stands_in_it() -> None:
    first = Life(1, NOW - 3_000, NOW - 3_000, NOW - 2_000, "succeeded", name="x" * 40)
    assert rows(laid([first, Life(2, NOW - 1_950, NOW - 1_950)])) == {1: 0, 2: 0}


def test_a_clock_that_was_set_back_leaves_a_bar_where_the_task_began() -> None:
    found = laid([Life(1, NOW - 60, NOW - 50, NOW - 500, "succeeded")])
    assert found.total == 1 and found.bars[0].created == NOW - 60


def test_a_window_without_tasks_is_empty() -> None:
    found = laid([])
    assert (found.rows, found.bars, found.total, found.left_out, found.crowd) == (0, [], 0, 0, None)


def test_nothing_lives_in_the_future() -> None:
    found = laid([Life(1, NOW - 60, NOW - 60)], LaneQuery(NOW + 10, NOW + 100))
    assert found.total == 0


@pytest.mark.parametrize(
    "query",
    [LaneQuery(5, 5), LaneQuery(9, 5), LaneQuery(-5, 5), LaneQuery(float("nan"), 5), LaneQuery(0, 9, 0),
     LaneQuery(0, 9, 100, 0), LaneQuery(0, 9, 100, 10**6), LaneQuery(0, 9, 10**6)],
)  # fmt: skip
def test_a_window_that_cannot_be_drawn_is_refused(query: LaneQuery) -> None:
    with pytest.raises(Invalid):
        checked(query)
