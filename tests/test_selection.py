from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.selected import counts, select
from vain.errors import Malformed
from vain.selection import parse_sort
from vain.types import OUTCOMES, PRIORITIES, SORTS, STATUSES, Task, TaskCounts, TaskQuery, TaskSource

TIMES = st.none() | st.sampled_from(["2026-01-01T00:00:00.000Z", "2026-01-02T00:00:00.000Z"])
WORDS = st.sampled_from(["", "Train", "STRASSE", "straße", "a<b>", "ß"])
TASKS = st.lists(
    st.builds(
        Task,
        task_id=st.integers(1, 99),
        name=WORDS.map(lambda word: f"x{word}"),
        status=st.sampled_from(STATUSES),
        priority=st.sampled_from(PRIORITIES),
        created_at=st.just("2026-01-01T00:00:00.000Z"),
        description=WORDS,
        message=WORDS,
        tags=st.lists(WORDS.filter(bool), max_size=2),
        progress=st.none() | st.sampled_from([0.0, 50.0]),
        outcome=st.none() | st.sampled_from(OUTCOMES),
        key=st.none() | WORDS.filter(bool),
        due_at=TIMES,
        completed_at=TIMES,
        overdue=st.booleans(),
        stale=st.booleans(),
        source=st.none() | st.builds(TaskSource, host=st.none() | WORDS),
    ),
    max_size=12,
    unique_by=lambda task: task.task_id,
)
QUERIES = st.builds(
    TaskQuery,
    status=st.none() | st.sampled_from(STATUSES),
    priority=st.none() | st.sampled_from(PRIORITIES),
    outcome=st.none() | st.sampled_from(OUTCOMES),
    text=WORDS,
    sort=st.sampled_from([sign + column for column in SORTS for sign in ("", "-")]),
    limit=st.integers(0, 5),
    offset=st.integers(0, 5),
    tag=st.none() | WORDS,
    trouble=st.sampled_from([None, None, "stale", "overdue", "late", "failed", "any"]),
    completed_after=TIMES,
    task_id=st.none() | st.integers(1, 99),
    host=st.none() | WORDS,
)


def naive_match(task: Task, query: TaskQuery) -> bool:
    for field in ("status", "priority", "outcome"):
        wanted = getattr(query, field)
        if wanted is not None and wanted != getattr(task, field):
            return False
    if (query.tag is not None and query.tag not in task.tags) or query.task_id not in (None, task.task_id):
        return False
    if query.host is not None and (task.source is None or task.source.host != query.host):
        return False
    if query.completed_after is not None and (task.completed_at is None or task.completed_at < query.completed_after):
        return False
    failed = task.outcome in ("failed", "crashed", "timed-out")
    signs = {"stale": {"stale"}, "overdue": {"overdue"}, "late": {"stale", "overdue"}, "failed": {"failed"}}
    wanted_signs = signs.get(query.trouble or "", {"stale", "overdue", "failed"})
    is_so = {"stale": task.stale, "overdue": task.overdue, "failed": failed}
    if query.trouble is not None and not any(is_so[sign] for sign in wanted_signs):
        return False
    fields = [task.name, task.description, task.message, task.key or "", *task.tags]
    return any(query.text.casefold() in field.casefold() for field in fields)


def comes_before(one: Task, other: Task, sort: str) -> bool:
    """The order pair by pair, as ``ORDER BY column DIRECTION NULLS LAST, task_id DIRECTION`` has it."""
    column, descending = sort.removeprefix("-"), sort.startswith("-")
    ranks = {"status": STATUSES, "priority": PRIORITIES}.get(column)
    a, b = getattr(one, column), getattr(other, column)
    if ranks is not None:
        a, b = ranks.index(a), ranks.index(b)
    if (a is None) != (b is None):
        return b is None
    if a != b:
        return (a > b) == descending if a is not None else False
    return (one.task_id > other.task_id) == descending


@given(TASKS, QUERIES)
def test_a_page_is_the_slice_of_the_matching_tasks_in_order(tasks: list[Task], query: TaskQuery) -> None:
    matching = [task for task in tasks if naive_match(task, query)]
    whole = select(tasks, replace(query, limit=99, offset=0), seq=3)
    page = select(iter(tasks), query, seq=3)
    assert sorted(t.task_id for t in whole.tasks) == sorted(t.task_id for t in matching)
    assert all(comes_before(a, b, query.sort) for a, b in zip(whole.tasks, whole.tasks[1:], strict=False))
    assert page.tasks == whole.tasks[query.offset : query.offset + query.limit]
    assert (page.total, page.seq, page.counts) == (len(matching), 3, counts(tasks))


def test_counts_are_of_all_tasks_and_failed_is_not_cancelled() -> None:
    tasks = [made(1, "pending", overdue=True), made(2, "in-progress")]
    tasks += [made(3 + i, "completed", outcome=outcome) for i, outcome in enumerate(OUTCOMES)]
    expected = TaskCounts(pending=1, in_progress=1, completed=6, failed=3, overdue=1)
    assert counts(tasks) == expected
    assert select(tasks, TaskQuery(status="pending"), 0).counts == expected


def test_priority_sorts_by_rank_and_not_by_letter() -> None:
    tasks = [made(1, priority="medium"), made(2, priority="high"), made(3, priority="low")]
    assert [task.task_id for task in select(tasks, TaskQuery(sort="-priority"), 0).tasks] == [2, 1, 3]


@pytest.mark.parametrize("sort", ["due_at", "-due_at"])
def test_tasks_without_the_value_come_last_in_both_directions(sort: str) -> None:
    tasks = [made(1), made(2, due_at="2026-01-01T00:00:00.000Z"), made(3)]
    order = [task.task_id for task in select(tasks, TaskQuery(sort=sort), 0).tasks]
    assert order == ([2, 1, 3] if sort == "due_at" else [2, 3, 1])


@pytest.mark.parametrize("text", ["STRASSE", "straße", "Strasse"])
def test_case_does_not_count_in_any_language(text: str) -> None:
    assert select([made(1, description="Karl-Marx-Straße")], TaskQuery(text=text), 0).total == 1


@pytest.mark.parametrize("sort", ["", "-", "--name", "colour", "name;drop", "tags", "-error"])
def test_an_unknown_sort_column_is_refused_by_its_parameter(sort: str) -> None:
    with pytest.raises(Malformed) as raised:
        parse_sort(sort)
    assert [flaw.parameter for flaw in raised.value.flaws] == ["sort"]


def made(task_id: int, status: str = "pending", priority: str = "medium", **fields: object) -> Task:
    return Task(task_id, f"task {task_id}", status, priority, "2026-01-01T00:00:00.000Z", **fields)  # type: ignore[arg-type]
