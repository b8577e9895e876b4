"""Which notifications go to a channel: by level, by name, and the end of what it was told."""

from __future__ import annotations

from typing import Any

import pytest

from tests.delivery.made import notification
from vain.delivery.progress import MOST_TOLD, Progress, Wanted, refused

OPS = Wanted("ops", "warning")


def numbers(*found: Any, wanted: Wanted = OPS, told: list[int] | None = None, limit: int = 100) -> list[int]:
    chosen, _ = wanted.sorted_out(found, Progress(0, told or []), limit)
    return [each.notification_id for each in chosen]


@pytest.mark.parametrize(
    ("fields", "is_wanted"),
    [
        ({"level": "warning"}, True),
        ({"level": "error"}, True),
        ({"level": "info"}, False),
        ({"level": "error", "quiet": True}, False),
        ({"channels": ["ops", "home"]}, True),
        ({"channels": ["home"]}, False),
        ({"channels": []}, False),
    ],
)
def test_level_and_channels_decide(fields: dict[str, Any], is_wanted: bool) -> None:
    assert bool(numbers(notification(**fields))) == is_wanted


def test_an_end_goes_where_its_beginning_went() -> None:
    fired = notification(5, kind="rule.fired", level="warning")
    cleared = notification(6, kind="rule.cleared", level="info", fired_by=5)
    assert numbers(fired, cleared) == [5, 6]
    assert numbers(fired, cleared, wanted=Wanted("ops", "error")) == []
    assert numbers(cleared) == []
    assert numbers(cleared, told=[5]) == [6]


def test_what_fired_in_silence_and_is_told_by_a_reminder_is_told_to_be_over() -> None:
    silent = notification(5, kind="rule.fired", level="warning", quiet=True)
    again = notification(6, kind="rule.repeated", level="warning", fired_by=5)
    cleared = notification(7, kind="rule.cleared", level="info", fired_by=5)
    assert numbers(silent, again, cleared) == [6, 7]
    assert numbers(silent, cleared) == []


def test_an_end_is_told_once_and_forgotten() -> None:
    cleared = notification(6, kind="rule.cleared", level="info", fired_by=5)
    _, ahead = OPS.sorted_out([cleared], Progress(5, [4, 5]), 1)
    assert ahead == Progress(6, [4])
    _, ahead = OPS.sorted_out([notification(6, kind="rule.cleared", fired_by=5, quiet=True)], Progress(5, [4, 5]), 1)
    assert ahead.told == [4]


def test_what_is_not_wanted_is_passed_over_up_to_the_next_that_is() -> None:
    found = [notification(3), notification(4, level="info"), notification(5), notification(6)]
    chosen, ahead = OPS.sorted_out(found, Progress(2, tries=3, refused_since="x"), 1)
    assert [each.notification_id for each in chosen] == [3]
    assert ahead == Progress(4)


def test_nothing_found_leaves_the_position() -> None:
    assert OPS.sorted_out([], Progress(9, [2]), 1) == ([], Progress(9, [2]))


def test_only_so_many_are_remembered() -> None:
    found = [notification(number, kind="rule.fired") for number in range(1, MOST_TOLD + 3)]
    _, ahead = OPS.sorted_out(found, Progress(0), 10_000)
    assert len(ahead.told) == MOST_TOLD and ahead.told[0] == 3


def test_refusals_are_counted_from_the_first() -> None:
    once = refused(Progress(3, [1]), "2026-01-01T00:00:00.000Z")
    assert refused(once, "2026-01-01T00:05:00.000Z") == Progress(3, [1], 2, "2026-01-01T00:00:00.000Z")
