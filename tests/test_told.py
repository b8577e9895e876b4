"""Which notifications are asked for, and how what merely went well is folded."""

from __future__ import annotations

import pytest

from vain.notification import Notification
from vain.told import Fold, NotificationQuery, folded, selected
from vain.types import Level


def notification(number: int, quiet: bool = False, kind: str = "task.completed", level: Level = "info") -> Notification:
    return Notification(
        number, "2026-11-23T03:06:00.000Z", kind, level, f"n{number}", quiet=quiet, read=number % 2 == 0
    )


ALL = [
    notification(6, quiet=True),
    notification(5, kind="task.failed", level="error"),
    notification(4, quiet=True),
    notification(3, kind="rule.fired", level="warning"),
    notification(2, kind="tasks.other"),
    notification(1),
]


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        (NotificationQuery(), [6, 5, 4, 3, 2, 1]),
        (NotificationQuery(limit=2), [6, 5]),
        (NotificationQuery(before=3), [2, 1]),
        (NotificationQuery(level="warning"), [3]),
        (NotificationQuery(kind="task"), [6, 5, 4, 1]),
        (NotificationQuery(kind="task.completed"), [6, 4, 1]),
        (NotificationQuery(kind="task.com"), []),
        (NotificationQuery(quiet=False, read=False), [5, 3, 1]),
        (NotificationQuery(quiet=True, before=6), [4]),
    ],
)
def test_everything_that_is_given_must_hold(query: NotificationQuery, numbers: list[int]) -> None:
    assert [each.notification_id for each in selected(ALL, query)] == numbers


def shape(entries: list[Notification | Fold]) -> list[object]:
    return [
        [one.notification_id for one in each.notifications] if isinstance(each, Fold) else each.notification_id
        for each in entries
    ]


def test_what_went_well_is_one_entry_between_what_did_not() -> None:
    quiet = [notification(number, quiet=True) for number in (9, 8, 7, 5, 4, 2, 1, 0)]
    loud = [notification(6), notification(3)]
    entries = folded(loud, quiet)
    assert shape(entries) == [[9, 8, 7], 6, 5, 4, 3, [2, 1, 0]]
    assert isinstance(entries[0], Fold) and entries[0].name == 7


def test_a_fold_keeps_its_name_while_it_grows() -> None:
    quiet = [notification(number, quiet=True) for number in (12, 11, 10)]
    (small,), (large,) = folded([], quiet), folded([], [notification(13, quiet=True), *quiet])
    assert isinstance(small, Fold) and isinstance(large, Fold)
    assert (small.name, large.name, len(large.notifications)) == (10, 10, 4)


def test_of_nothing_there_is_no_entry() -> None:
    assert folded([], []) == []
