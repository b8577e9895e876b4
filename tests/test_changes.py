"""The life of a task in words."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from vain.changes import Change, LogPart, between, told
from vain.types import Task

TASK = Task(7, "train", "pending", "medium", "2026-11-24T10:00:00.000Z")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"status": "in-progress", "started_at": "2026-11-24T10:00:01.000Z"}, "started"),
        ({"status": "in-progress", "attempt": 2}, "started, attempt 2"),
        ({"status": "completed", "outcome": "failed", "exit_code": 3, "progress": 40.0}, "failed, exit 3"),
        ({"status": "completed", "outcome": "timed-out"}, "timed out"),
        ({"status": "pending", "attempt": 2}, "waits again"),
        ({"progress": 12.5, "message": "epoch 3"}, "12.5 % · “epoch 3”"),
        ({"stale": True}, "did not report in time"),
        ({"overdue": True}, "overdue"),
        ({"name": "new"}, "renamed to new"),
        ({"priority": "high"}, "priority high"),
        ({"tags": ["x"], "due_at": "2026-11-25T10:00:00.000Z"}, "changed due at, tags"),
        ({"heartbeat_at": "2026-11-24T10:00:09.000Z"}, ""),
    ],
)
def test_each_change_has_its_words(fields: dict[str, object], words: str) -> None:
    after = replace(TASK, version=2, **fields)
    assert told(between(TASK, after)) == words


def test_the_beginning_and_the_end_have_theirs() -> None:
    assert told(Change(action="created")) == "created"
    assert told(Change(action="deleted")) == "deleted"


def test_a_change_was_when_the_task_was_updated() -> None:
    after = replace(TASK, updated_at="2026-11-24T10:00:05.000Z", message="x")
    assert (between(TASK, after).at, Change(created_at="c", action="created").at) == ("2026-11-24T10:00:05.000Z", "c")


def test_a_part_of_a_log_says_where_to_ask_on() -> None:
    assert LogPart(100, b"abc").end == 103
