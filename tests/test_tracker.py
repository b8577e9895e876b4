"""Tasks over a real store: changes, conflicts, pages, the sweep."""

from __future__ import annotations

import asyncio
import json
import random
from pathlib import Path
from typing import Any

import pytest

from tests.selected import select
from tests.store.opened import Opened, rows, with_store
from vain.changing import Made
from vain.clock import unix
from vain.codec import decode
from vain.errors import Conflict, Invalid, KeyMismatch, Malformed, NotFound, PreconditionFailed
from vain.flow.attempts import NEVER, AttemptColumns
from vain.lists import PART_BYTES
from vain.saving import DEEPEST_FAMILY
from vain.store import queries
from vain.tracker import SWEEP_TASKS, Tracker, fingerprint
from vain.types import (
    OUTCOMES,
    PRIORITIES,
    SORTS,
    STATUSES,
    Task,
    TaskCounts,
    TaskDraft,
    TaskPatch,
    TaskQuery,
    TaskSource,
)

T0, T1, T2 = (f"2026-01-01T00:00:0{second}.000Z" for second in range(3))


class Hands:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.time = T0

    def __call__(self) -> str:
        return self.time


def tracked(folder: Path, work: Any) -> Any:
    """What ``work(tracker, clock, opened)`` returns."""

    async def main(made: Opened) -> Any:
        clock = Hands()
        return await work(Tracker(made.store, clock), clock, made)

    return with_store(folder, main)


def test_what_is_made_can_be_read_changed_and_deleted(tmp_path: Path) -> None:
    async def work(tracker: Tracker, clock: Hands, made: Opened) -> None:
        first = await tracker.create(TaskDraft(name="x"))
        assert await tracker.get(1) == first and (first.task_id, first.version) == (1, 1)
        clock.time = T1
        second = await tracker.update(1, TaskPatch(status="in-progress"))
        assert await tracker.get(1) == second and decode(Task, second.body).started_at == T1
        await tracker.delete(1)
        for refused in (tracker.get(1), tracker.update(1, TaskPatch()), tracker.delete(1)):
            with pytest.raises(NotFound, match="There is no task 1"):
                await refused
        assert [json.loads(event.body)["action"] for event in made.published] == ["created", "updated", "deleted"]

    tracked(tmp_path, work)


def test_a_change_that_changes_nothing_is_no_event(tmp_path: Path) -> None:
    async def work(tracker: Tracker, clock: Hands, made: Opened) -> None:
        first = await tracker.create(TaskDraft(name="x"))
        clock.time = T1
        assert await tracker.update(1, decode(TaskPatch, first.body)) == first
        assert len(made.published) == 1

    tracked(tmp_path, work)


def test_a_refused_change_leaves_no_trace(tmp_path: Path) -> None:
    async def work(tracker: Tracker, clock: Hands, made: Opened) -> None:
        first = await tracker.create(TaskDraft(name="x", total=4))
        for patch in (TaskPatch(current=5), TaskPatch(name=" "), TaskPatch(exit_code=1)):
            with pytest.raises(Invalid):
                await tracker.update(1, patch)
        with pytest.raises(Invalid):
            await tracker.create(TaskDraft(name="x", due_at="soon"))
        assert await tracker.get(1) == first and len(made.published) == 1
        assert (await tracker.create(TaskDraft(name="y"))).task_id == 2

    tracked(tmp_path, work)


def test_a_key_belongs_to_one_unfinished_task(tmp_path: Path) -> None:
    async def work(tracker: Tracker, clock: Hands, made: Opened) -> None:
        await tracker.create(TaskDraft(name="x", key="k"))
        with pytest.raises(Conflict, match="Task 1 is not completed"):
            await tracker.create(TaskDraft(name="y", key="k"))
        await tracker.create(TaskDraft(name="done", key="k", status="completed"))
        await tracker.update(1, TaskPatch(status="completed"))
        await tracker.create(TaskDraft(name="z", key="k"))
        with pytest.raises(Conflict):
            await tracker.update(1, TaskPatch(status="pending"))
        await tracker.update(1, TaskPatch(status="pending", key="other"))

    tracked(tmp_path, work)


async def deepen(tracker: Tracker) -> None:
    for parent in range(DEEPEST_FAMILY, DEEPEST_FAMILY + 3):
        await tracker.create(TaskDraft(name="x", parent_id=parent))


def test_a_family_has_no_circle_and_an_end(tmp_path: Path) -> None:
    async def work(tracker: Tracker, clock: Hands, made: Opened) -> None:
        await tracker.create(TaskDraft(name="root"))
        for parent in range(1, DEEPEST_FAMILY):
            await tracker.create(TaskDraft(name="x", parent_id=parent))
        for patch in (TaskPatch(parent_id=DEEPEST_FAMILY), TaskPatch(parent_id=1), TaskPatch(parent_id=999)):
            with pytest.raises(Conflict) as caught:
                await tracker.update(1, patch)
            assert caught.value.flaws[0].pointer == "/parent_id"
        with pytest.raises(Conflict):
            await deepen(tracker)

    tracked(tmp_path, work)


def test_deleting_a_parent_tells_of_each_child(tmp_path: Path) -> None:
    async def work(tracker: Tracker, clock: Hands, made: Opened) -> None:
        for parent in (None, 1, 1, 2):
            await tracker.create(TaskDraft(name="x", parent_id=parent))
        await tracker.delete(1)
        told = [json.loads(event.body) for event in made.published[4:]]
        assert [(event["task_id"], event["action"]) for event in told] == [
            (2, "updated"),
            (3, "updated"),
            (1, "deleted"),
        ]
        assert told[0]["changed"] == ["parent_id", "version"] and told[0]["parent_id"] is None
        assert decode(Task, (await tracker.get(4)).body).parent_id == 2

    tracked(tmp_path, work)


def test_the_same_idempotency_key_and_body_give_the_same_answer(tmp_path: Path) -> None:
    body = fingerprint(b"{}")

    async def work(tracker: Tracker, clock: Hands, made: Opened) -> None:
        first = await tracker.create(TaskDraft(name="x"), "key", body)
        await tracker.update(1, TaskPatch(name="changed"))
        clock.time = T2
        assert await tracker.create(TaskDraft(name="x"), "key", body) == first._replace(seq=None)
        with pytest.raises(KeyMismatch):
            await tracker.create(TaskDraft(name="y"), "key", fingerprint(b"{ }"))
        await tracker.forget_idempotency(T1)
        assert (await tracker.create(TaskDraft(name="x"), "key", body)).task_id == 2

    tracked(tmp_path, work)


def test_an_idempotency_key_outlives_a_restart(tmp_path: Path) -> None:
    async def work(tracker: Tracker, clock: Hands, made: Opened) -> Made:
        return await tracker.create(TaskDraft(name="x"), "key", b"f")

    assert tracked(tmp_path, work)._replace(seq=None) == tracked(tmp_path, work)


def test_the_sweep_marks_what_is_due_once_and_tells(tmp_path: Path) -> None:
    async def work(tracker: Tracker, clock: Hands, made: Opened) -> None:
        for due in (T1, T2, None):
            await tracker.create(TaskDraft(name="x", due_at=due))
        await tracker.create(TaskDraft(name="done", due_at=T1, status="completed"))
        assert await tracker.sweep() == 0
        clock.time = T1
        assert [await tracker.sweep(), await tracker.sweep()] == [1, 0]
        assert decode(Task, (await tracker.get(1)).body).overdue
        kinds = [json.loads(event.body).get("kind", "") for event in made.published[-2:]]
        assert kinds == ["", "task.overdue"]

    tracked(tmp_path, work)


def test_a_sweep_of_very_many_goes_on_the_next_time(tmp_path: Path) -> None:
    async def work(tracker: Tracker, clock: Hands, made: Opened) -> None:
        await asyncio.gather(*(tracker.create(TaskDraft(name="x", due_at=T1)) for _ in range(SWEEP_TASKS + 3)))
        clock.time = T2
        assert [await tracker.sweep() for _ in range(3)] == [SWEEP_TASKS, 3, 0]

    tracked(tmp_path, work)


def test_what_ends_is_told_with_the_tasks_that_run(tmp_path: Path) -> None:
    async def work(tracker: Tracker, clock: Hands, made: Opened) -> None:
        for _ in range(3):
            await tracker.create(TaskDraft(name="x", status="in-progress"))
        await tracker.update(2, TaskPatch(outcome="failed"))
        notice = json.loads(made.published[-1].body)
        assert (notice["type"], notice["kind"], notice["task_id"], notice["tasks"]) == (
            "notification",
            "task.failed",
            2,
            [1, 3],
        )
        assert notice["seq"] == json.loads(made.published[-2].body)["seq"] + 1

    tracked(tmp_path, work)


def random_draft(choice: random.Random) -> dict[str, Any]:
    status = choice.choice(STATUSES)
    fields: dict[str, Any] = {
        "name": choice.choice(["Train", "train", "STRASSE", "straße", "Ünï", "a%b_c", "🦆", "x\ny"])
        + str(choice.randrange(30)),
        "status": status,
        "priority": choice.choice(PRIORITIES),
        "description": choice.choice(["", "gpu", "Größe"]),
        "message": choice.choice(["", "epoch 3", "ẞ"]),
        "tags": choice.sample(["a", "B", "gpu", "ß"], choice.randrange(3)),
        "progress": choice.choice([None, 0, 40, 99.5]),
        "due_at": choice.choice([None, "2026-01-01T00:00:01Z", "2030-01-01T00:00:00Z", "2025-01-01T00:00:00Z"]),
        "source": choice.choice([None, TaskSource("gpu-1"), TaskSource("GPU-1"), TaskSource(pid=3)]),
    }
    return fields | ({"outcome": choice.choice(OUTCOMES)} if status == "completed" else {})


def random_query(choice: random.Random) -> TaskQuery:
    return TaskQuery(
        status=choice.choice([None, None, *STATUSES]),
        priority=choice.choice([None, None, *PRIORITIES]),
        outcome=choice.choice([None, None, None, *OUTCOMES]),
        text=choice.choice(["", "", "TRAIN", "strasse", "ß", "ünï", "%", "_", "'", "🦆", "gpu\n", "\n", "zzz", "1"]),
        sort=choice.choice(["", "-"]) + choice.choice(SORTS),
        limit=choice.choice([0, 1, 7, 50, 500]),
        offset=choice.choice([0, 0, 3, 199, 500]),
        tag=choice.choice([None, None, None, "a", "b", "B", "gpu", "ß", "ss", "'"]),
        trouble=choice.choice([None, None, None, "stale", "overdue", "late", "failed", "any"]),
        completed_after=choice.choice([None, None, None, "2026-01-01T00:00:03.000Z"]),
        task_id=choice.choice([None, None, None, None, 7, 999]),
        host=choice.choice([None, None, None, "gpu-1", "gpu"]),
    )


def test_a_page_from_sql_is_the_page_from_memory(tmp_path: Path) -> None:
    choice = random.Random(11)

    async def work(tracker: Tracker, clock: Hands, made: Opened) -> None:
        for number in range(200):
            clock.time = f"2026-01-01T00:00:0{number % 7}.000Z"
            task = decode(Task, (await tracker.create(TaskDraft(**random_draft(choice)))).body)
            if task.status == "in-progress" and number % 2:
                await tracker.mark(task.task_id, task.attempt, [], stale=True)
        assert (await tracker.page(TaskQuery(trouble="stale"))).total > 5
        tasks = [decode(Task, body) for (body,) in rows(tmp_path, "SELECT body FROM tasks")]
        choice.shuffle(tasks)
        for _ in range(300):
            query = random_query(choice)
            assert await tracker.page(query) == select(tasks, query, made.published[-1].seq), query
        assert tracker.counts() == (await tracker.page(TaskQuery())).counts

    tracked(tmp_path, work)


def test_an_unknown_sort_is_named_and_never_reaches_sql(tmp_path: Path) -> None:
    async def work(tracker: Tracker, clock: Hands, made: Opened) -> None:
        for sort in ("", "-", "body", "--name", "name; DROP TABLE tasks"):
            with pytest.raises(Malformed) as caught:
                await tracker.page(TaskQuery(sort=sort))
            assert caught.value.flaws[0].parameter == "sort"

    tracked(tmp_path, work)
    with pytest.raises(ValueError):
        queries.page(TaskQuery(), "body", False)


def test_an_empty_store_has_empty_answers(tmp_path: Path) -> None:
    async def work(tracker: Tracker, clock: Hands, made: Opened) -> None:
        assert tracker.counts() == TaskCounts() and (await tracker.attempts()).task_id == []
        total, _, _, parts = await tracker.listed()
        assert (total, [part async for part in parts]) == (0, [])
        assert (await tracker.page(TaskQuery())).seq == 0

    tracked(tmp_path, work)


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 200, 600])
def test_the_stream_is_all_tasks_in_bounded_parts(tmp_path: Path, count: int) -> None:
    async def work(tracker: Tracker, clock: Hands, made: Opened) -> None:
        await asyncio.gather(*(tracker.create(TaskDraft(name="x")) for _ in range(count)))
        total, _, _, stream = await tracker.listed()
        parts = [part async for part in stream]
        assert total == count
        assert max(sum(map(len, part)) for part in parts) <= PART_BYTES + 1_000
        assert [json.loads(body)["task_id"] for part in parts for body in part] == list(range(1, count + 1))

    tracked(tmp_path, work)


def test_attempts_have_the_times_of_their_tasks(tmp_path: Path) -> None:
    async def work(tracker: Tracker, clock: Hands, made: Opened) -> None:
        await tracker.create(TaskDraft(name="x", status="in-progress"))
        clock.time = T1
        await tracker.update(1, TaskPatch(outcome="skipped"))
        begin, end = (round(unix(time) * 1000) for time in (T0, T1))
        expected = AttemptColumns([1], ["x"], [begin], [begin], [end], ["skipped"], [NEVER], [1])
        assert await tracker.attempts() == expected

    tracked(tmp_path, work)


def test_a_change_that_expects_another_version_is_refused(tmp_path: Path) -> None:
    async def work(tracker: Tracker, clock: Hands, made: Opened) -> None:
        task = await tracker.create(TaskDraft(name="x"))
        await tracker.update(task.task_id, TaskPatch(priority="high"), {1})
        with pytest.raises(PreconditionFailed):
            await tracker.update(task.task_id, TaskPatch(priority="low"), {1})
        with pytest.raises(PreconditionFailed):
            await tracker.delete(task.task_id, set())
        assert json.loads((await tracker.get(task.task_id)).body)["priority"] == "high"

    tracked(tmp_path, work)
