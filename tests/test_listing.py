"""What a list is asked for: sorts and cursors, and what is none."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import json

from vain.errors import Malformed
from vain.listing import Listing, Order, TaskFilter, cursor_of, parse_orders, place_of, sort_text

LISTING = Listing(TaskFilter(status=("pending",)), parse_orders("-priority,created_at"))
PLACE = (2, "2026-01-01T00:00:00.000Z", 7)


def packed(value: object) -> str:
    return base64.urlsafe_b64encode(json.encode(value)).decode()


@pytest.mark.parametrize(("text", "orders"), [
    ("name", [("name", False), ("task_id", False)]),
    ("-due_at", [("due_at", True), ("task_id", True)]),
    ("-priority,created_at", [("priority", True), ("created_at", False), ("task_id", False)]),
    ("task_id", [("task_id", False)]),
    ("status,-task_id", [("status", False), ("task_id", True)]),
])  # fmt: skip
def test_a_sort_ends_with_the_number(text: str, orders: list[tuple[str, bool]]) -> None:
    assert parse_orders(text) == tuple(Order(*order) for order in orders)
    assert sort_text(parse_orders(text)) == text


@pytest.mark.parametrize(
    "text", ["", "-", "body", "--name", "name,", "name,-name", "name;", "name,status,due_at,progress,key"]
)
def test_a_sort_that_is_none_is_named(text: str) -> None:
    with pytest.raises(Malformed) as caught:
        parse_orders(text)
    assert caught.value.flaws[0].parameter == "sort"


@given(
    st.lists(
        st.one_of(st.none(), st.text(max_size=20), st.integers(-(2**53) + 1, 2**53 - 1), st.floats(-9, 9)), max_size=3
    )
)
def test_a_place_comes_back_out_of_its_cursor(values: list[None | str | int | float]) -> None:
    sort = (*(Order("name") for _ in values), Order("task_id"))
    listing = Listing(sort=sort)
    cursor = cursor_of(listing, (*values, 7))
    assert place_of(listing, cursor) == (*values, 7) and cursor.isascii() and "=" not in cursor


@pytest.mark.parametrize("other", [
    Listing(TaskFilter(status=("completed",)), LISTING.sort),
    Listing(LISTING.filter, parse_orders("priority,created_at")),
    Listing(TaskFilter(status=("pending",), tags=("a",)), LISTING.sort), Listing(),
])  # fmt: skip
def test_the_cursor_of_another_query_is_refused(other: Listing) -> None:
    with pytest.raises(Malformed, match="another query"):
        place_of(other, cursor_of(LISTING, PLACE))


def test_pages_of_another_size_go_on_with_the_same_cursor() -> None:
    larger = Listing(LISTING.filter, LISTING.sort, 500)
    assert place_of(larger, cursor_of(LISTING, PLACE)) == PLACE


@pytest.mark.parametrize("cursor", [
    "", "!", "abc", "ä", "=" * 9, packed({}), packed([]), packed([LISTING.fingerprint]),
    packed([LISTING.fingerprint, [1, 2]]), packed([LISTING.fingerprint, [1, "x", "7"]]),
    packed([LISTING.fingerprint, [1, "x", 7.5]]), packed([LISTING.fingerprint, [1, "x", None]]),
    packed([LISTING.fingerprint, [2**60, "x", 7]]), packed([LISTING.fingerprint, [1, {"a": 1}, 7]]), packed([1] * 9),
])  # fmt: skip
def test_what_is_no_cursor_is_refused_by_name(cursor: str) -> None:
    with pytest.raises(Malformed) as caught:
        place_of(LISTING, cursor)
    assert caught.value.flaws[0].parameter == "cursor"
