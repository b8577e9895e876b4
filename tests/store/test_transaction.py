"""Changes that are committed together: each sees those before it, and all of them reach the tables."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.store.opened import Opened, in_one_commit, rows, with_store
from vain.errors import Conflict, KeyMismatch, NotFound
from vain.notification import Notice
from vain.store import ledger as ledger_module
from vain.store import reading
from vain.store.collected import Remembered
from vain.store.transaction import Transaction
from vain.told import NotificationQuery
from vain.tracker import Report, Tracker
from vain.types import Task, TaskDraft, TaskPatch

NOW = "2026-01-01T00:00:00.000Z"
KEYS = "SELECT task_id, key FROM tasks ORDER BY task_id"


def test_a_change_sees_those_before_it_in_the_same_commit(tmp_path: Path) -> None:
    async def work(made: Opened) -> None:
        tracker = Tracker(made.store)
        results = await in_one_commit(
            made.store,
            tracker.create(TaskDraft(name="x", key="k")),
            tracker.create(TaskDraft(name="y", key="k")),
            tracker.update(1, TaskPatch(status="completed")),
            tracker.create(TaskDraft(name="z", key="k")),
            tracker.delete(1),
            tracker.delete(1),
        )
        assert [type(result) for result in results[1::4]] == [Conflict, NotFound]
        assert results[3].task_id == 2

    with_store(tmp_path, work)
    assert rows(tmp_path, KEYS) == [(2, "k")]


def test_a_key_is_handed_over_within_one_commit(tmp_path: Path) -> None:
    async def work(made: Opened) -> None:
        tracker = Tracker(made.store)
        for key in ("k", None):
            await tracker.create(TaskDraft(name="x", key=key))
        giving, taking = tracker.update(1, TaskPatch(status="completed")), tracker.update(2, TaskPatch(key="k"))
        assert [made.version for made in await in_one_commit(made.store, giving, taking)] == [2, 2]

    with_store(tmp_path, work)
    assert rows(tmp_path, KEYS) == [(1, "k"), (2, "k")]


def test_a_key_changes_hands_within_one_commit_whatever_was_touched_first(tmp_path: Path) -> None:
    async def work(made: Opened) -> None:
        tracker = Tracker(made.store)
        for key in ("k", "l"):
            await tracker.create(TaskDraft(name="x", key=key))
        changes: list[tuple[int, TaskPatch]] = [
            (2, TaskPatch(message="touched first")), (1, TaskPatch(key=None)),
            (2, TaskPatch(key="k")), (1, TaskPatch(key="l")),
        ]  # fmt: skip
        results = await in_one_commit(made.store, *(tracker.update(*change) for change in changes))
        assert [result.version for result in results] == [2, 2, 3, 3]

    with_store(tmp_path, work)
    assert rows(tmp_path, KEYS) == [(1, "l"), (2, "k")]


def test_a_deleted_tasks_key_may_be_taken_in_the_same_commit(tmp_path: Path) -> None:
    async def work(made: Opened) -> None:
        tracker = Tracker(made.store)
        await tracker.create(TaskDraft(name="x", key="k"))
        await in_one_commit(made.store, tracker.delete(1), tracker.create(TaskDraft(name="y", key="k")))

    with_store(tmp_path, work)
    assert rows(tmp_path, KEYS) == [(2, "k")]


def test_one_idempotency_key_makes_one_task_even_within_one_commit(tmp_path: Path) -> None:
    async def work(made: Opened) -> None:
        tracker = Tracker(made.store)
        posts = [tracker.create(TaskDraft(name="x"), "abc", b"x" * 32) for _ in range(5)]
        *same, other = await in_one_commit(made.store, *posts, tracker.create(TaskDraft(name="y"), "abc", b"y" * 32))
        assert [made[:3] for made in same] == [same[0][:3]] * 5 and isinstance(other, KeyMismatch)
        assert [made.seq for made in same] == [1, None, None, None, None]
        assert len(made.published) == 1

    with_store(tmp_path, work)


def test_the_body_in_the_columns_is_the_body_that_was_sent(tmp_path: Path) -> None:
    async def work(made: Opened) -> bytes:
        tracker = Tracker(made.store)
        await tracker.create(TaskDraft(name="Straße", tags=["A", "b"], message="M", due_at="2030-01-01T00:00:00Z"))
        return (await tracker.update(1, TaskPatch(status="in-progress", priority="high", progress=4))).body

    body = with_store(tmp_path, work)
    (row,) = rows(tmp_path, "SELECT status, priority, progress, due_at, searched, version, body FROM tasks")
    assert row == (1, 2, 4.0, "2030-01-01T00:00:00.000Z", "strasse\n\nm\n\na\nb", 2, body)


def test_children_are_found_before_they_are_written(tmp_path: Path) -> None:
    async def work(made: Opened) -> None:
        tracker = Tracker(made.store)
        create, child = tracker.create(TaskDraft(name="x")), tracker.create(TaskDraft(name="y", parent_id=1))
        await in_one_commit(made.store, create, child, tracker.delete(1))
        assert b'"parent_id":null' in (await tracker.get(2)).body
        assert [event.seq for event in made.published] == [1, 2, 3, 4]

    with_store(tmp_path, work)


@pytest.mark.slow
def test_only_the_newest_notifications_are_kept(tmp_path: Path) -> None:
    most = ledger_module.MOST_NOTIFICATIONS

    def tell(count: int, change: Transaction) -> None:
        for _ in range(count):
            change.notify(Notice("k", "info", "t"), NOW, [])

    async def work(made: Opened) -> None:
        await made.store.write(lambda change: tell(most, change))
        await made.store.write(lambda change: tell(5, change))
        found = await made.store.read(lambda connection: reading.notifications(connection, NotificationQuery(most * 2)))
        assert [len(found), found[0].notification_id, found[-1].notification_id] == [most, most + 5, 6]

    with_store(tmp_path, work)


def test_tasks_at_hand_are_bounded_and_never_stale(tmp_path: Path) -> None:
    async def work(made: Opened) -> None:
        tracker = Tracker(made.store)
        ledger = made.store._ledger

        def many(change: Transaction) -> None:
            for _ in range(ledger_module.RECENT_TASKS + 10):
                task_id = change.next_task_id()
                change.save(Task(task_id, "x", "pending", "low", NOW, updated_at=NOW), None, NOW)

        await made.store.write(many)
        assert len(ledger.recent) == ledger_module.RECENT_TASKS and 1 not in ledger.recent
        assert (await tracker.update(1, TaskPatch(message="m"))).version == 2
        assert ledger.recent[1].message == "m" and len(ledger.recent) == ledger_module.RECENT_TASKS
        await tracker.delete(1)
        assert 1 not in ledger.recent

    with_store(tmp_path, work)


def test_old_idempotency_records_are_forgotten(tmp_path: Path) -> None:
    def remember(change: Transaction) -> None:
        change.remember("old", Remembered(b"", 1, b"{}"), "2026-01-01T00:00:00.000Z")
        change.remember("new", Remembered(b"", 2, b"{}"), "2026-01-02T00:00:00.000Z")

    async def work(made: Opened) -> None:
        await made.store.write(remember)
        await Tracker(made.store).forget_idempotency("2026-01-02T00:00:00.000Z")
        known = await made.store.write(lambda change: [change.remembered_as(key) for key in ("old", "new")])
        assert known[0] is None and known[1] == Remembered(b"", 2, b"{}")

    with_store(tmp_path, work)


def test_a_change_to_a_missing_notification_is_no_change(tmp_path: Path) -> None:
    async def work(made: Opened) -> None:
        await made.store.write(lambda change: change.mark_read(5, True))
        assert made.published == []

    with_store(tmp_path, work)


def test_a_task_is_read_back_as_it_was(tmp_path: Path) -> None:
    """From the file, not from what is at hand."""
    task = Task(9, "x", "pending", "low", NOW, metadata={"a": True, "b": 1, "c": 1.5}, updated_at=NOW)

    async def save(made: Opened) -> None:
        await made.store.write(lambda change: change.save(task, None, NOW))

    async def load(made: Opened) -> Task | None:
        return await made.store.write(lambda change: change.task(9))

    with_store(tmp_path, save)
    assert with_store(tmp_path, load) == replace(task)


def test_a_run_whose_task_is_deleted_in_the_same_commit_is_forgotten(tmp_path: Path) -> None:
    async def main(made: Opened) -> None:
        tracker, how = Tracker(made.store), Report(run_id="a" * 32)
        draft = TaskDraft(name="x")
        await in_one_commit(made.store, tracker.create(draft, report=how), tracker.delete(1))
        again = [(await tracker.create(draft, report=how)).task_id for _ in range(2)]
        assert again == [2, 2]

    with_store(tmp_path, main)
