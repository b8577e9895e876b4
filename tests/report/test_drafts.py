"""What may go over the wire: held against what the server really takes."""

from __future__ import annotations

import datetime as dt
import json
import math
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vain.codec import parse_time, received
from vain.report import drafts
from vain.types import TaskDraft, TaskPatch

ANYTHING = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.text(min_size=190, max_size=700),
    st.binary(max_size=5), st.lists(st.one_of(st.text(max_size=80), st.integers()), max_size=40),
    st.dictionaries(st.text(max_size=70), st.one_of(st.text(), st.integers(), st.floats(), st.none()), max_size=60),
)  # fmt: skip
FIELDS = (
    "status priority outcome description message tags progress current total unit key exit_code expect_next_in "
    "parent_id metadata"
).split()


@given(st.dictionaries(st.sampled_from(FIELDS), ANYTHING), ANYTHING)
def test_whatever_a_job_says_is_a_draft_that_the_server_takes(fields: dict[str, Any], name: Any) -> None:
    said = {"name": "task"} | drafts.fields({**fields, "name": name})
    body = json.dumps(said, allow_nan=False).encode()
    msgspec.json.decode(body, type=TaskDraft)
    said.pop("name")
    msgspec.json.decode(json.dumps(said), type=TaskPatch)


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (3, 3),
        (2.5, 2.5),
        (True, 1.0),
        ("4", 4.0),
        (math.nan, None),
        (math.inf, None),
        (-1, 0),
        (None, None),
        ([], None),
    ],
)
def test_a_number_is_finite_and_within_its_bounds(value: object, number: float | None) -> None:
    assert drafts.number(value) == number


def test_numpys_numbers_are_numbers() -> None:
    numpy = pytest.importorskip("numpy")
    assert drafts.fields({"current": numpy.int64(3), "total": numpy.float32(4)}) == {"current": 3.0, "total": 4.0}
    assert drafts.metadata({"loss": numpy.float64(0.5), "ok": True}) == {"loss": 0.5, "ok": True}


def test_a_due_time_may_be_a_datetime() -> None:
    due = dt.datetime(2026, 11, 23, 3, 6, tzinfo=dt.UTC)
    assert drafts.fields({"due_at": due}) == {"due_at": "2026-11-23T03:06:00.000Z"}
    assert parse_time(str(drafts.fields({"due_at": due})["due_at"]))


def test_the_end_of_a_traceback_is_kept() -> None:
    error = drafts.error_fields({"type": "E", "message": "m" * 3_000, "traceback": "a" * 70_000 + "the end"})
    assert len(str(error["message"])) == 2_000 and len(str(error["traceback"])) == 64_000
    assert str(error["traceback"]).endswith("the end")


def test_an_exception_that_cannot_say_what_it_is_is_one_nevertheless() -> None:
    class Odd(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    assert drafts.error(Odd())["message"] == ""


def test_half_a_surrogate_pair_is_replaced() -> None:
    assert drafts.text("a\ud800b", 10) == "a?b"


@pytest.mark.parametrize(("value", "said"), [
    (2**53 - 1, 2**53 - 1), (2**53, "9007199254740992"), (-(2**63), "-9223372036854775808"), (1e300, 1e300),
    (np.int64(2**60), float(2**60)), (10**400, "1" + "0" * 400),
])  # fmt: skip
def test_a_whole_number_that_the_wire_cannot_say_is_told_digit_for_digit(value: object, said: object) -> None:
    assert drafts.metadata({"n": value}) == {"n": said}
    body = json.dumps({"name": "x", "metadata": drafts.metadata({"n": value})}).encode()
    assert received(TaskDraft, body).metadata == {"n": said}
