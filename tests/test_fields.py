"""What a person types for a field."""

from __future__ import annotations

from datetime import datetime

import pytest

from vain.clock import unix, utc
from vain.errors import Misconfigured
from vain.fields import assigned, checked, due_time, duration_seconds

NOW = unix("2026-11-23T12:00:00.000Z")


@pytest.mark.parametrize(
    ("assignment", "value"),
    [
        ("status=completed", "completed"), ("name=a=b", "a=b"), ("progress=37.5", 37.5), ("exit_code=-9", -9),
        ("tags=a, b,", ["a", "b"]), ("tags=", []), ("message=", ""), ("progress=", None), ("due_at=", None),
        ("key=", None), ('metadata={"lr": 0.1}', {"lr": 0.1}), ("due_at=+90m", "2026-11-23T13:30:00.000Z"),
    ],
)  # fmt: skip
def test_text_becomes_what_the_field_holds(assignment: str, value: object) -> None:
    assert assigned([assignment], NOW) == {assignment.partition("=")[0]: value}


@pytest.mark.parametrize(
    ("assignment", "word"),
    [
        ("status", "FIELD=VALUE"), ("colour=red", "no field 'colour'"), ("task_id=3", "no field 'task_id'"),
        ("status=done", "pending, in-progress, completed"), ("progress=101", "progress"), ("name=", "name"),
        ("metadata=x", "JSON"), ("exit_code=1.5", "exit_code"), ("due_at=soon", "2026-12-01"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused_with_a_word(assignment: str, word: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        assigned([assignment], NOW)
    assert word in caught.value.detail


def test_checked_leaves_out_what_was_not_given() -> None:
    assert checked({}) == {} and checked({"name": "40"}) == {"name": "40"}


@pytest.mark.parametrize("text", ["2026-12-01", "2026-12-01 18:00", "2026-12-01T18:00:30"])
def test_a_time_without_a_zone_is_local(text: str) -> None:
    assert due_time(text, NOW) == utc(datetime.fromisoformat(text).astimezone().timestamp())


def test_a_time_with_a_zone_is_that_moment() -> None:
    assert (
        due_time("2026-12-01T18:00:00+01:00", NOW)
        == due_time("2026-12-01T17:00:00Z", NOW)
        == "2026-12-01T17:00:00.000Z"
    )


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("45m", 2700), ("1.5h", 5400), ("30d", 2_592_000), ("1w", 604_800)]
)
def test_lengths_of_time_have_units(text: str, seconds: float) -> None:
    assert duration_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "h", "-1h", "1 h", "1y", "\u0661h", "1e9d"])
def test_other_lengths_are_refused(text: str) -> None:
    with pytest.raises(Misconfigured, match="90s, 45m"):
        duration_seconds(text)
