"""Lists of tasks out of a real database: the same as among tasks in memory, and pages that skip and repeat nothing."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.selected import ordered
from vain.codec import decode, encode
from vain.listing import Listing, Order, TaskFilter, cursor_of, parse_orders, place_of
from vain.store import list_queries, queries
from vain.store.ledger import _row
from vain.store.lists import Found, begun, bodies_of
from vain.store.sqlite_engine import MIGRATIONS
from vain.types import OUTCOMES, PRIORITIES, SORTS, STATUSES, Task, TaskSource

DAYS = [f"2026-01-0{day}T00:00:00.000Z" for day in range(1, 5)]
TAGS = ["a", "B", "b", "gpu", "gp", "u\x01", "ß", '"', "a,b"]
SOURCES = [None, TaskSource(), TaskSource("gpu-1"), TaskSource("GPU-1"), TaskSource("größe")]
PART_BYTES = 1_500
"""Two or three tasks."""


@pytest.fixture(scope="module")
def connection() -> Iterator[apsw.Connection]:
    """A database of the newest version, without tasks."""
    made = apsw.Connection(":memory:")
    for name in MIGRATIONS:
        made.execute(files("vain.store").joinpath(name).read_text("utf-8"))
    yield made
    made.close()


def save(connection: apsw.Connection, *tasks: Task) -> None:
    connection.executemany(queries.SAVE_TASK, [_row(task, encode(task)) for task in tasks])


def fill(connection: apsw.Connection, tasks: list[Task]) -> None:
    connection.execute("DELETE FROM tasks")
    save(connection, *tasks)


@st.composite
def some_tasks(draw: st.DrawFn) -> list[Task]:
    """Few values for each field, so that many are equal and some are unknown."""
    return [draw(one_task(number)) for number in range(1, draw(st.integers(0, 14)) + 1)]


@st.composite
def one_task(draw: st.DrawFn, number: int) -> Task:
    status = draw(st.sampled_from(STATUSES))
    completed = draw(st.sampled_from(DAYS)) if status == "completed" else None
    return Task(
        number,
        draw(st.sampled_from(["x", "y", "Größe"])),
        status,
        draw(st.sampled_from(PRIORITIES)),
        draw(st.sampled_from(DAYS)),
        updated_at=draw(st.sampled_from(DAYS)),
        completed_at=completed,
        outcome=draw(st.sampled_from(OUTCOMES)) if completed else None,
        due_at=draw(st.sampled_from([None, *DAYS[:2]])),
        progress=draw(st.sampled_from([None, 0.0, 0.1, 100.0])),
        tags=draw(st.lists(st.sampled_from(TAGS), max_size=3, unique=True)),
        key=draw(st.sampled_from([None, f"job {number}", "nightly"])) if completed else None,
        parent_id=draw(st.sampled_from([None, 1, 2])),
        stale=status == "in-progress" and draw(st.booleans()),
        overdue=draw(st.booleans()),
        source=draw(st.sampled_from(SOURCES)),
    )


filters = st.builds(
    TaskFilter,
    status=st.sampled_from([(), (), ("completed",), ("pending", "in-progress"), STATUSES]),
    priority=st.sampled_from([(), (), ("high",), ("low", "medium")]),
    outcome=st.sampled_from([(), (), (), ("failed", "crashed"), ("succeeded",)]),
    host=st.sampled_from([(), (), (), ("gpu-1",), ("gpu-1", "größe"), ("gpu",)]),
    tags=st.sampled_from([(), (), (), ("a",), ("b", "gpu"), ('"',), ("g",)]),
    key=st.sampled_from([None, None, None, "nightly", "job 3"]),
    parent_id=st.sampled_from([None, None, None, 1]),
    stale=st.sampled_from([None, None, True, False]),
    overdue=st.sampled_from([None, None, True, False]),
    text=st.sampled_from(["", "", "", "GRÖSSE", "x", "%"]),
    created_after=st.sampled_from([None, None, DAYS[1]]),
    created_before=st.sampled_from([None, None, DAYS[2]]),
    completed_after=st.sampled_from([None, None, DAYS[1]]),
    completed_before=st.sampled_from([None, None, None, DAYS[2]]),
)
sorts = st.lists(st.sampled_from(SORTS), min_size=1, max_size=3, unique=True).flatmap(
    lambda columns: st.tuples(*(st.sampled_from([column, f"-{column}"]) for column in columns)).map(",".join)
)


def lets_through(wanted: TaskFilter, task: Task) -> bool:
    words = "\n".join((task.name, task.description, task.message, task.key or "", *task.tags)).casefold()
    holds = [
        not wanted.status or task.status in wanted.status,
        not wanted.priority or task.priority in wanted.priority,
        not wanted.outcome or task.outcome in wanted.outcome,
        not wanted.host or task.host in wanted.host,
        set(wanted.tags) <= set(task.tags),
        wanted.key in (None, task.key),
        wanted.parent_id in (None, task.parent_id),
        wanted.stale in (None, task.stale),
        wanted.overdue in (None, task.overdue),
        wanted.text.casefold() in words,
        wanted.created_after is None or task.created_at >= wanted.created_after,
        wanted.created_before is None or task.created_at < wanted.created_before,
        wanted.completed_after is None or (task.completed_at or "") >= wanted.completed_after,
        wanted.completed_before is None or (task.completed_at or "9") < wanted.completed_before,
    ]
    return all(holds)


def in_order(tasks: list[Task], sort: tuple[Order, ...]) -> list[Task]:
    """Sorted by the last column first, each time without disturbing what is equal."""
    for order in reversed(sort):
        by_column = ordered(tasks, order.column)
        places = {task.task_id: place for place, task in enumerate(tasks)}
        known = [task for task in by_column if getattr(task, order.column) is not None]
        unknown = sorted((task for task in tasks if task not in known), key=lambda task: places[task.task_id])
        ranks = {task.task_id: rank_of(task, order.column) for task in known}
        known.sort(key=lambda task: places[task.task_id])
        known.sort(key=lambda task: ranks[task.task_id], reverse=order.descending)
        tasks = known + unknown
    return tasks


def rank_of(task: Task, column: str) -> Any:
    value = getattr(task, column)
    return (
        {"status": STATUSES, "priority": PRIORITIES}[column].index(value) if column in ("status", "priority") else value
    )


def read_all(connection: apsw.Connection, listing: Listing, found: Found) -> list[Task]:
    """What a list that has begun comes to."""
    bodies, at = list(found.bodies), 0
    while at < len(found.rest):
        at, more = bodies_of(connection, listing.filter, found.rest, PART_BYTES, at)
        bodies += more
    return [decode(Task, body) for body in bodies]


@given(tasks=some_tasks(), wanted=filters, sort=sorts)
def test_a_list_from_sql_is_the_list_from_memory(
    connection: apsw.Connection, tasks: list[Task], wanted: TaskFilter, sort: str
) -> None:
    fill(connection, tasks)
    listing = Listing(wanted, parse_orders(sort))
    found = begun(connection, listing, PART_BYTES)
    expected = in_order([task for task in tasks if lets_through(wanted, task)], listing.sort)
    assert read_all(connection, listing, found) == expected
    assert (found.total, found.follow) == (len(expected), None)


@given(data=st.data(), tasks=some_tasks(), wanted=filters, sort=sorts, limit=st.integers(1, 5))
def test_pages_have_what_stays_as_it_is_once_whatever_happens_to_others(
    connection: apsw.Connection, data: st.DataObject, tasks: list[Task], wanted: TaskFilter, sort: str, limit: int
) -> None:
    fill(connection, tasks)
    listing = Listing(wanted, parse_orders(sort), limit)
    touched, seen = set[int](), list[Task]()
    while True:
        found = begun(connection, listing, PART_BYTES)
        page = read_all(connection, listing, found)
        assert len(page) <= limit and all(lets_through(wanted, task) for task in page)
        assert found.total == sum(lets_through(wanted, task) for task in current(connection))
        seen += page
        if found.follow is None:
            break
        # As it travels: out of the cursor of a Link header.
        listing = replace(listing, after=place_of(listing, cursor_of(listing, found.follow)))
        for number in data.draw(st.lists(st.integers(1, 16), max_size=3)):
            touched.add(number)
            if data.draw(st.booleans()):
                save(connection, data.draw(one_task(number)))
            else:
                connection.execute(queries.DELETE_TASK, (number,))
    unchanged = [task for task in tasks if task.task_id not in touched and lets_through(wanted, task)]
    assert [task for task in seen if task.task_id not in touched] == in_order(unchanged, listing.sort)


def current(connection: apsw.Connection) -> list[Task]:
    return [decode(Task, body) for (body,) in connection.execute("SELECT body FROM tasks")]


def test_what_changed_or_went_while_a_long_list_is_read_is_left_out(connection: apsw.Connection) -> None:
    fill(connection, [Task(number, "x", "pending", "low", DAYS[0]) for number in range(1, 9)])
    listing = Listing(TaskFilter(status=("pending",)))
    found = begun(connection, listing, 1)
    assert (found.total, len(found.bodies), found.rest) == (8, 1, array("q", range(2, 9)))
    save(connection, Task(3, "x", "in-progress", "low", DAYS[0]), Task(4, "changed", "pending", "low", DAYS[0]))
    connection.execute(queries.DELETE_TASK, (5,))
    later = [decode(Task, body) for body in bodies_of(connection, listing.filter, found.rest, 1 << 20)[1]]
    assert [(task.task_id, task.name) for task in later] == [(2, "x"), (4, "changed"), (6, "x"), (7, "x"), (8, "x")]


def test_a_part_ends_when_it_is_large_enough(connection: apsw.Connection) -> None:
    fill(connection, [Task(number, "x", "pending", "low", DAYS[0], description="d" * 900) for number in range(1, 9)])
    at, bodies = bodies_of(connection, TaskFilter(), array("q", range(1, 9)), 3_000)
    assert at == len(bodies) == 3
    assert bodies_of(connection, TaskFilter(), array("q", range(1, 9)), 1 << 20, at)[0] == 8


@pytest.mark.parametrize(("wanted", "sort", "source"), [
    (TaskFilter(), "task_id", "INTEGER PRIMARY KEY"),
    (TaskFilter(status=("completed",)), "-created_at", "COVERING INDEX tasks_filtered (status=?)"),
    (TaskFilter(outcome=("crashed",), tags=("a",)), "task_id", "COVERING INDEX tasks_filtered"),
    (TaskFilter(stale=True), "-priority,created_at", "COVERING INDEX tasks_filtered"),
    (TaskFilter(status=("in-progress",)), "-progress", "COVERING INDEX tasks_listing (status=?)"),
    (TaskFilter(key="nightly"), "-updated_at", "COVERING INDEX tasks_listing"),
    (TaskFilter(parent_id=7), "name", "INDEX tasks_parent (parent_id=?)"),
    (TaskFilter(host=("gpu-1",)), "task_id", "COVERING INDEX tasks_host (host=?)"),
    (TaskFilter(host=("gpu-1", "gpu-2")), "-created_at", "COVERING INDEX tasks_host (host=?)"),
    (TaskFilter(host=("gpu-1",), status=("pending",)), "-priority", "COVERING INDEX tasks_host (host=? AND status=?)"),
    (TaskFilter(host=("gpu-1",)), "-updated_at", "COVERING INDEX tasks_listing"),
    (TaskFilter(host=("gpu-1",), key="nightly"), "task_id", "COVERING INDEX tasks_listing"),
    (TaskFilter(text="x"), "-created_at", "SCAN tasks"),
    (TaskFilter(text="x", status=("pending",)), "-created_at", "INDEX tasks_filtered (status=?)"),
])  # fmt: skip
def test_every_question_but_words_is_answered_by_an_index(
    connection: apsw.Connection, wanted: TaskFilter, sort: str, source: str
) -> None:
    listing = Listing(wanted, parse_orders(sort), 10, tuple([1] * len(parse_orders(sort))))
    statement, values = list_queries.numbers(listing, 10)
    plan = " ".join(row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", values))
    assert source in plan


def test_a_column_that_is_none_never_reaches_sql() -> None:
    with pytest.raises(ValueError):
        list_queries.place((Order("body; DROP TABLE tasks"),))


def test_an_older_database_learns_what_lists_look_at() -> None:
    made = apsw.Connection(":memory:")
    *older, newest = MIGRATIONS[:5]
    for name in older:
        made.execute(files("vain.store").joinpath(name).read_text("utf-8"))
    tasks = [
        Task(number, "x", "pending", "low", DAYS[0], tags=tags) for number, tags in enumerate([[], ["a"], TAGS], 1)
    ]
    tasks += [Task(number, "x", "in-progress", "low", DAYS[0], stale=number == 5) for number in (4, 5)]
    columns = [column for (_, column, *_) in made.execute("PRAGMA table_info(tasks)")]
    places = ", ".join("?" * len(columns))
    rows = [_row(task, encode(task)) for task in tasks]
    made.executemany(f"INSERT INTO tasks VALUES ({places})", [row[: len(columns)] for row in rows])
    made.execute(files("vain.store").joinpath(newest).read_text("utf-8"))
    found = list(made.execute("SELECT stale, tags FROM tasks ORDER BY task_id"))
    assert found == [row[len(columns) : len(columns) + 2] for row in rows]
    for name in MIGRATIONS[5:]:
        made.execute(files("vain.store").joinpath(name).read_text("utf-8"))
    listing = Listing(TaskFilter(tags=("a,b", '"')), limit=9)
    assert [task.task_id for task in read_all(made, listing, begun(made, listing, PART_BYTES))] == [3]
    made.close()


def test_a_database_of_version_8_learns_on_which_machine_its_tasks_are() -> None:
    made = apsw.Connection(":memory:")
    for name in MIGRATIONS[:8]:
        made.execute(files("vain.store").joinpath(name).read_text("utf-8"))
    tasks = [Task(number, "x", "pending", "low", DAYS[0], source=source) for number, source in enumerate(SOURCES, 1)]
    tasks.append(Task(6, "x", "pending", "low", DAYS[0], metadata={"host": "gpu-1"}))
    columns = [column for (_, column, *_) in made.execute("PRAGMA table_info(tasks)")]
    places = ", ".join("?" * len(columns))
    rows = [_row(task, encode(task))[: len(columns)] for task in tasks]
    made.executemany(f"INSERT INTO tasks VALUES ({places})", rows)
    made.execute(files("vain.store").joinpath(MIGRATIONS[8]).read_text("utf-8"))
    assert list(made.execute("SELECT host FROM tasks ORDER BY task_id")) == [(task.host,) for task in tasks]
    made.execute(files("vain.store").joinpath(MIGRATIONS[9]).read_text("utf-8"))
    listing = Listing(TaskFilter(host=("größe", "gpu-1")), limit=9)
    assert [task.task_id for task in read_all(made, listing, begun(made, listing, PART_BYTES))] == [3, 5]
    made.close()
