"""What comes in is checked here: hostile JSON, times."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vain.clock import unix, utc
from vain.codec import DEEPEST, decode, encode, parse_time
from vain.errors import Invalid, Malformed
from vain.types import LARGEST_INTEGER, TaskDraft, TaskPatch

MALFORMED: dict[str, bytes] = {
    "nothing": b"",
    "half": b'{"name":',
    "NaN": b'{"name":"x","progress":NaN}',
    "Infinity": b'{"name":"x","progress":-Infinity}',
    "NaN where the server writes": b'{"name":"x","eta":{"at":NaN}}',
    "two documents": b'{"name":"x"} {"name":"y"}',
    "a brace too many": b'{"name":"x"}}',
    "a comma too many": b'{"name":"x",}',
    "a comment": b'{"name":"x"/* */}',
    "single quotes": b"{'name':'x'}",
    "byte order mark": b'\xef\xbb\xbf{"name":"x"}',
    "UTF-16": '{"name":"x"}'.encode("utf-16"),
    "bad UTF-8": b'{"name":"\xff"}',
    "surrogate in UTF-8": b'{"name":"\xed\xa0\x80"}',
    "lone surrogate": b'{"name":"\\ud800"}',
    "lone surrogate where the server writes": b'{"name":"x","created_at":"\\udc00"}',
    "a bare NUL": b'{"name":"a\x00b"}',
    "a bare newline": b'{"name":"a\nb"}',
    "depth": b'{"name":"x","metadata":' + b"[" * DEEPEST + b"]" * DEEPEST + b"}",
    "depth of a bomb": b"[" * 100_000,
    "depth of an object bomb": b'{"a":' * 50_000,
}


@pytest.mark.parametrize("case", MALFORMED)
def test_what_is_no_plain_json_is_malformed(case: str) -> None:
    with pytest.raises(Malformed) as caught:
        decode(TaskDraft, MALFORMED[case])
    assert caught.value.detail.endswith(".") and len(caught.value.detail) < 200


INVALID: list[tuple[bytes, str]] = [
    (b"[]", ""), (b'"x"', ""), (b"null", ""), (b"7", ""),
    (b"{}", "/name"), (b'{"name":null}', "/name"), (b'{"name":""}', "/name"), (b'{"name":7}', "/name"),
    (b'{"name":"%s"}' % (b"x" * 201), "/name"),
    (b'{"name":"x","status":"done"}', "/status"), (b'{"name":"x","status":null}', "/status"),
    (b'{"name":"x","priority":"urgent"}', "/priority"), (b'{"name":"x","outcome":"won"}', "/outcome"),
    (b'{"name":"x","progress":101}', "/progress"), (b'{"name":"x","progress":-0.1}', "/progress"),
    (b'{"name":"x","progress":"50"}', "/progress"), (b'{"name":"x","progress":true}', "/progress"),
    (b'{"name":"x","progress":1e400}', "/progress"), (b'{"name":"x","total":1e300}', "/total"),
    (b'{"name":"x","exit_code":1.5}', "/exit_code"), (b'{"name":"x","exit_code":true}', "/exit_code"),
    (b'{"name":"x","exit_code":%d}' % (LARGEST_INTEGER + 1), "/exit_code"),
    (b'{"name":"x","exit_code":%d}' % 2**64, "/exit_code"),
    (b'{"name":"x","exit_code":' + b"9" * 5_000 + b"}", "/exit_code"),
    (b'{"name":"x","parent_id":0}', "/parent_id"), (b'{"name":"x","parent_id":"1"}', "/parent_id"),
    (b'{"name":"x","expect_next_in":0}', "/expect_next_in"),
    (b'{"name":"x","tags":["a",1]}', "/tags/1"), (b'{"name":"x","tags":[""]}', "/tags/0"),
    (b'{"name":"x","tags":"a"}', "/tags"), (b'{"name":"x","tags":[%s"a"]}' % (b'"a",' * 32), "/tags"),
    (b'{"name":"x","metadata":{"a":null}}', "/metadata"), (b'{"name":"x","metadata":{"a":{}}}', "/metadata"),
    (b'{"name":"x","metadata":{"a":9007199254740993}}', "/metadata"), (b'{"name":"x","metadata":[]}', "/metadata"),
    (b'{"name":"x","metadata":{"%s":1}}' % (b"k" * 65), "/metadata"),
    (b'{"name":"x","error":{"message":"a"}}', "/error/type"), (b'{"name":"x","error":{"type":"a","z":1}}', "/error/z"),
    (b'{"name":"x","source":{"env":{}}}', "/source/env"), (b'{"name":"x","source":{"pid":-1}}', "/source/pid"),
    (b'{"name":"x","Status":"pending"}', "/Status"), (b'{"name":"x","a/b~":1}', "/a~1b~0"),
    (b'{"name":"x","a\\nb":1}', "/a\nb"), (b'{"name":"x","a`b":1}', "/a`b"), (b'{"name":"x","":1}', "/"),
    (b'{"name":"a\\u0000b"}', "/name"), (b'{"name":"x","tags":["\\u0000"]}', "/tags/0"),
    (b'{"name":"x","metadata":{"k":"\\u0000"}}', "/metadata/k"), (b'{"name":"x","key":"\\u0000"}', "/key"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "pointer"), INVALID)
def test_what_breaks_a_rule_is_invalid_and_the_place_is_named(body: bytes, pointer: str) -> None:
    with pytest.raises(Invalid) as caught:
        decode(TaskDraft, body)
    (flaw,) = caught.value.flaws
    assert flaw.pointer == pointer and flaw.detail


def test_a_nul_is_found_beside_a_field_of_the_servers_own() -> None:
    with pytest.raises(Invalid) as caught:
        decode(TaskDraft, b'{"name":"a\\u0000","created_at":"x","resources":{"a":[1]}}')
    assert caught.value.flaws[0].pointer == "/name"


def test_only_a_real_nul_is_refused() -> None:
    assert decode(TaskDraft, b'{"name":"\\\\u0000"}').name == "\\u0000"


def test_brackets_in_text_are_not_depth() -> None:
    text = '[{"' * 500
    assert decode(TaskDraft, encode({"name": "x", "message": text[:400]})).message == text[:400]


def test_the_last_of_two_equal_names_counts() -> None:
    assert decode(TaskDraft, b'{"name":"x","name":"y"}').name == "y"


def test_a_choice_that_does_not_exist_is_answered_with_those_that_do() -> None:
    with pytest.raises(Invalid, match="one of pending, in-progress, completed"):
        decode(TaskPatch, b'{"status":"done"}')


def accepted(error: Malformed | Invalid) -> None:
    assert error.detail and all(flaw.detail for flaw in error.flaws)


@given(st.binary(max_size=60) | st.text(max_size=40).map(str.encode))
def test_no_bytes_give_any_other_error(body: bytes) -> None:
    try:
        decode(TaskDraft, b'{"name":' + body)
    except (Malformed, Invalid) as error:
        accepted(error)


@given(
    st.recursive(st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=5), st.lists, max_leaves=9)
)
def test_no_value_of_a_field_gives_any_other_error(value: object) -> None:
    for field in ("name", "tags", "metadata", "source", "created_at", "due_at"):
        try:
            decode(TaskPatch, encode({field: value}))
        except (Malformed, Invalid) as error:
            accepted(error)


TIMES = {
    "2026-11-23T09:30:00Z": "2026-11-23T09:30:00.000Z",
    "2026-11-23t09:30:00z": "2026-11-23T09:30:00.000Z",
    "2026-11-23T09:30:00.5Z": "2026-11-23T09:30:00.500Z",
    "2026-01-01T00:00:00.123456789+05:30": "2025-12-31T18:30:00.123Z",
    "2026-01-01T00:00:00-00:00": "2026-01-01T00:00:00.000Z",
    "2025-12-31T23:59:59.9996Z": "2026-01-01T00:00:00.000Z",
    "1970-01-01T00:00:00Z": "1970-01-01T00:00:00.000Z",
}


@pytest.mark.parametrize("text", TIMES)
def test_a_time_is_brought_into_one_form(text: str) -> None:
    assert parse_time(text) == TIMES[text]


NO_TIMES = [
    "", "now", "2026-11-23", "2026-11-23T09:30:00", "2026-11-23 09:30:00Z", "2026-11-23T09:30Z", "20261123T093000Z",
    "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z",
    "2026-01-01T00:00:00+24:00", "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00.1234567890Z", "+2026-01-01T00:00:00Z",
    "٢026-01-01T00:00:00Z", "2026-01-01T00:00:00Z\n", "2026-W01-1T00:00:00Z", "0001-01-01T00:00:00+01:00",
    "9999-12-31T23:59:59-01:00", "99999-01-01T00:00:00Z", "1e9", "0",
]  # fmt: skip


@pytest.mark.parametrize("text", NO_TIMES)
def test_what_is_no_rfc_3339_time_is_refused_by_name(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_time(text, pointer="/due_at")
    assert caught.value.flaws[0].pointer == "/due_at"


FAR_TIMES = ["0000-01-01T00:00:00Z", "0999-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "9999-12-31T23:59:59.9999Z"]


@pytest.mark.parametrize("text", FAR_TIMES)
def test_a_parsed_time_is_canonical_however_far_away(text: str) -> None:
    """Otherwise times would not compare as text."""
    try:
        parsed = parse_time(text)
    except Invalid:
        return
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", parsed)


@given(st.datetimes(), st.integers(-23 * 60, 23 * 60))
def test_parsed_times_order_as_text_as_they_do_in_time(moment: object, minutes: int) -> None:
    sign, ahead = "-" if minutes < 0 else "+", abs(minutes)
    text = f"{moment.isoformat(timespec='microseconds')}{sign}{ahead // 60:02d}:{ahead % 60:02d}"  # type: ignore[attr-defined]
    try:
        parsed = parse_time(text)
    except Invalid:
        return
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", parsed)
    assert parse_time(parsed) == parsed and utc(unix(parsed)) == parsed
    now = utc(time.time())
    assert (parsed < now) == (unix(parsed) < unix(now))


def test_a_whole_number_may_be_written_with_a_point() -> None:
    body = b'{"exit_code": 3.0, "error": {"type": "E"}, "source": {"pid": 7.0}, "metadata": {"loss": 0.5}}'
    patch = decode(TaskPatch, body)
    assert (patch.exit_code, patch.source and patch.source.pid, patch.metadata) == (3, 7, {"loss": 0.5})
    for body in (b'{"exit_code": 3.5}', b'{"exit_code": 1e300}', b'{"parent_id": 9007199254740994.0}'):
        with pytest.raises(Invalid) as caught:
            decode(TaskPatch, body)
        assert caught.value.flaws[0].pointer in ("/exit_code", "/parent_id")
