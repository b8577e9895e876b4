"""The table of attempts: written with the task, kept after it, and filled from older databases."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import apsw
import pytest

from tests.store.engines import sqlite_only
from tests.store.opened import Opened, in_one_commit, rows, sqlite, with_store
from vain.clock import unix
from vain.flow.attempts import AttemptColumns, AttemptQuery
from vain.store.sqlite_engine import MIGRATIONS
from vain.tracker import Tracker
from vain.types import TaskDraft, TaskPatch, TaskSource

START = unix("2026-01-01T00:00:00Z")
TIMES = """
SELECT task_id, attempt, arrived_ms, started_ms, completed_ms, removed_ms, outcome FROM attempts
ORDER BY task_id, attempt"""
STARTED, COMPLETED = TaskPatch(status="in-progress"), TaskPatch(status="completed")
REOPENED = TaskPatch(status="pending")
HERE, THERE = TaskSource("here"), TaskSource("there")


class Seconds:
    """A clock that says the second that it was last set to, counted from ``START``."""

    now = 0

    def __call__(self) -> str:
        return f"2026-01-01T00:00:{self.now:02d}.000Z"


def changed(folder: Path, *changes: TaskDraft | TaskPatch | None) -> list[tuple[Any, ...]]:
    """The attempts after changes of task 1, one in each second; None deletes it. Times count from ``START``."""
    clock = Seconds()

    async def work(made: Opened) -> None:
        tracker = Tracker(made.store, clock)
        for clock.now, change in enumerate(changes):
            if isinstance(change, TaskDraft):
                await tracker.create(change)
            elif change is None:
                await tracker.delete(1)
            else:
                await tracker.update(1, change)

    with_store(folder, work)
    return seconds(rows(folder, TIMES))


def seconds(found: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return [(*r[:2], *(None if t is None else t / 1000 - START for t in r[2:6]), r[6]) for r in found]


def test_an_attempt_is_written_as_its_task_goes_on(tmp_path: Path) -> None:
    found = changed(tmp_path, TaskDraft(name="x"), STARTED, TaskPatch(outcome="failed"))
    assert found == [(1, 1, 0, 1, 2, None, "failed")]


def test_a_reopened_task_arrives_anew_and_what_it_did_stays(tmp_path: Path) -> None:
    found = changed(tmp_path, TaskDraft(name="x"), COMPLETED, REOPENED, TaskPatch(message="again"), STARTED, COMPLETED)
    assert found == [(1, 1, 0, None, 1, None, "succeeded"), (1, 2, 2, 4, 5, None, "succeeded")]


def test_a_deleted_task_leaves_its_attempts_with_the_time_of_its_end(tmp_path: Path) -> None:
    found = changed(tmp_path, TaskDraft(name="x"), STARTED, COMPLETED, REOPENED, STARTED, None)
    assert found == [(1, 1, 0, 1, 2, 5, "succeeded"), (1, 2, 3, 4, None, 5, None)]


def test_a_correction_of_the_outcome_is_kept(tmp_path: Path) -> None:
    found = changed(tmp_path, TaskDraft(name="x", outcome="failed"), TaskPatch(outcome="cancelled"))
    assert found == [(1, 1, 0, None, 0, None, "cancelled")]


def test_what_is_put_back_has_not_started(tmp_path: Path) -> None:
    assert changed(tmp_path, TaskDraft(name="x"), STARTED, REOPENED) == [(1, 1, 0, None, None, None, None)]


@sqlite_only
def test_nothing_is_written_for_a_change_that_no_column_tells(tmp_path: Path) -> None:
    async def work(made: Opened) -> None:
        tracker = Tracker(made.store)
        await tracker.create(TaskDraft(name="x", status="in-progress"))
        written: list[Any] = []
        sqlite(made.store).connection.trace_v2(apsw.SQLITE_TRACE_STMT, lambda event: written.append(event["sql"]))
        await tracker.update(1, TaskPatch(progress=50, message="half"))
        assert written and not any("attempts" in sql for sql in written)
        await tracker.update(1, TaskPatch(name="y"))
        assert any("INTO attempts" in sql for sql in written)

    with_store(tmp_path, work)


def test_all_of_it_may_happen_within_one_commit(tmp_path: Path) -> None:
    async def work(made: Opened) -> None:
        tracker = Tracker(made.store)
        changes = [tracker.update(1, patch) for patch in (COMPLETED, REOPENED, COMPLETED)]
        await in_one_commit(made.store, tracker.create(TaskDraft(name="x")), *changes, tracker.delete(1))

    with_store(tmp_path, work)
    found = rows(tmp_path, "SELECT attempt, outcome, removed_ms IS NOT NULL FROM attempts ORDER BY attempt")
    assert found == [(1, "succeeded", 1), (2, "succeeded", 1)]


def test_a_change_that_is_refused_leaves_no_attempt(tmp_path: Path) -> None:
    async def work(made: Opened) -> None:
        tracker = Tracker(made.store)
        await in_one_commit(
            made.store, tracker.create(TaskDraft(name="x", key="k")), tracker.create(TaskDraft(name="y", key="k"))
        )

    with_store(tmp_path, work)
    assert rows(tmp_path, "SELECT name FROM attempts") == [("x",)]


# --- reading -----------------------------------------------------------------------------------------------------


def asked(folder: Path, *queries: AttemptQuery) -> list[list[int]]:
    """The numbers of the tasks whose attempts match, for each query."""

    async def work(made: Opened) -> list[list[int]]:
        tracker = Tracker(made.store)
        return [sorted((await tracker.attempts(query)).task_id) for query in queries]

    found: list[list[int]] = with_store(folder, work)
    return found


@pytest.fixture
def three(tmp_path: Path) -> Path:
    """Three tasks, the last of them deleted."""

    async def work(made: Opened) -> None:
        tracker = Tracker(made.store)
        await tracker.create(TaskDraft(name="Straße", key="k", tags=["a", 'b"\n'], description="uphill"))
        await tracker.create(TaskDraft(name="y", priority="high", tags=["ab"], message="Uphill"))
        await tracker.create(TaskDraft(name="STRASSE 2", priority="high", tags=["a"], description="uphill"))
        await tracker.delete(3)

    with_store(tmp_path, work)
    return tmp_path


def test_attempts_are_chosen_by_what_is_told_of_their_tasks(three: Path) -> None:
    found = asked(
        three,
        AttemptQuery(),
        AttemptQuery(name="y"),
        AttemptQuery(key="k"),
        AttemptQuery(tag="a"),
        AttemptQuery(tag='b"\n'),
        AttemptQuery(priority="high"),
        AttemptQuery(name="y", tag="a"),
    )
    assert found == [[1, 2, 3], [2], [1], [1, 3], [1], [2, 3], []]


def test_an_attempt_stays_on_the_machine_where_it_was_made(tmp_path: Path) -> None:
    changed(
        tmp_path, TaskDraft(name="x", source=HERE), STARTED, COMPLETED, REOPENED,
        TaskPatch(status="in-progress", source=THERE),
    )  # fmt: skip
    assert rows(tmp_path, "SELECT attempt, host FROM attempts ORDER BY attempt") == [(1, "here"), (2, "there")]

    async def work(made: Opened) -> list[AttemptColumns]:
        tracker = Tracker(made.store)
        await tracker.create(TaskDraft(name="y", source=HERE))
        await tracker.delete(2)
        return [await tracker.attempts(AttemptQuery(host=host)) for host in ("here", "there", "HERE")]

    found = with_store(tmp_path, work)
    assert [(sorted(columns.task_id), columns.is_newest) for columns in found] == [
        ([1, 2], [0, 1]), ([1], [1]), ([], [])
    ]  # fmt: skip


def test_a_deleted_task_is_found_by_its_name_key_and_tags(three: Path) -> None:
    found = asked(three, AttemptQuery(text="STRASSE"), AttemptQuery(text="uphill"), AttemptQuery(text="2\n\na"))
    assert found == [[1, 3], [1, 2], [3]]


def test_an_attempt_before_the_last_is_not_the_newest_even_when_the_last_has_another_name(tmp_path: Path) -> None:
    changed(tmp_path, TaskDraft(name="x"), COMPLETED, TaskPatch(status="pending", name="y"))

    async def work(made: Opened) -> AttemptColumns:
        return await Tracker(made.store).attempts(AttemptQuery(name="x"))

    found = with_store(tmp_path, work)
    assert (found.outcome, found.is_newest) == (["succeeded"], [0])


# --- migration ---------------------------------------------------------------------------------------------------


def taken_back(folder: Path, *statements: str) -> list[tuple[Any, ...]]:
    """What the table holds; then the database is as version 1 had left it, and is brought forward again."""
    known = rows(folder, "SELECT * FROM attempts ORDER BY task_id, attempt")
    connection = apsw.Connection(str(folder / "vain.db"))
    later = ("attempts", "log_parts", "runs", "expectations", "kept", "guests")
    indexes = (
        "tasks_in_progress", "tasks_filtered", "tasks_listing", "tasks_host", "notifications_loud", "notifications_over"
    )  # fmt: skip
    undone = (
        *(f"DROP TABLE {table}" for table in later),
        *(f"DROP INDEX {index}" for index in indexes),
        *(f"ALTER TABLE tasks DROP COLUMN {column}" for column in ("stale", "tags", "host")),
        *(f"ALTER TABLE notifications DROP COLUMN {column}" for column in ("level", "kind", "quiet", "timestamp")),
        "PRAGMA user_version = 1",
    )
    for statement in (*undone, *statements):
        connection.execute(statement)
    connection.close()
    with_store(folder, lambda made: asyncio.sleep(0))
    return known


@sqlite_only
def test_a_database_of_version_1_is_filled_from_its_log(tmp_path: Path) -> None:
    async def work(made: Opened) -> None:
        tracker = Tracker(made.store)
        await tracker.create(TaskDraft(name="Ünï", key="k", tags=["a", "b"], priority="low"))
        await tracker.create(TaskDraft(name="y", status="in-progress"))
        for patch in (STARTED, COMPLETED, REOPENED, STARTED, TaskPatch(priority="high", name="z")):
            await tracker.update(1, patch)
        await tracker.update(1, TaskPatch(source=HERE))
        await tracker.create(TaskDraft(name="gone", outcome="skipped", source=THERE))
        await tracker.delete(3)
        for patch in (COMPLETED, REOPENED):
            await tracker.update(2, patch)
        await tracker.delete(2)

    with_store(tmp_path, work)
    known = taken_back(tmp_path)
    # Where an attempt before the newest was made, nobody knows any more.
    known[0] = (*known[0][:-1], "here")
    assert len(known) == 5 and rows(tmp_path, "SELECT * FROM attempts ORDER BY task_id, attempt") == known
    assert [row[-1] for row in known] == ["here", "here", None, None, "there"]
    assert rows(tmp_path, "PRAGMA user_version") == [(len(MIGRATIONS),)]


@sqlite_only
def test_tasks_that_the_log_does_not_know_are_taken_from_their_table(tmp_path: Path) -> None:
    async def work(made: Opened) -> None:
        tracker = Tracker(made.store)
        await tracker.create(TaskDraft(name="x", status="in-progress", tags=["a"], source=HERE))
        await tracker.update(1, COMPLETED)

    with_store(tmp_path, work)
    known = taken_back(tmp_path, "DELETE FROM events")
    # But for the number of their first event, which nobody knows any more.
    assert rows(tmp_path, "SELECT * FROM attempts") == [(*row[:-2], 0, "here") for row in known]


@sqlite_only
def test_a_task_that_goes_on_after_the_migration_keeps_its_arrival(tmp_path: Path) -> None:
    first = changed(tmp_path, TaskDraft(name="x"), COMPLETED, REOPENED)
    taken_back(tmp_path)

    async def work(made: Opened) -> None:
        await Tracker(made.store).update(1, STARTED)

    with_store(tmp_path, work)
    found = seconds(rows(tmp_path, TIMES))
    assert found[0] == first[0] and found[1][2] == 2 and found[1][3] > 2


def test_every_migration_is_part_of_the_package() -> None:
    assert all(files("vain.store").joinpath(name).is_file() for name in MIGRATIONS)
