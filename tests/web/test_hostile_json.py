"""Bodies that were made to do harm, sent to every route that takes one: refused with the place, and nothing fails."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.web.harness import Running, running
from vain.codec import DEEPEST, decode, received
from vain.errors import VainError
from vain.types import TaskDraft, TaskMerge, TaskPatch
from vain.web.table import MERGES, table

LARGEST_BODY = max(
    endpoint.largest_body
    for methods in table().table.values()
    for endpoint in methods.values()
    if endpoint.takes in ((), MERGES)
)
MANY, TOO_LARGE = b"1" * 5_000, "too large"
HOSTILE: dict[str, bytes] = {
    "empty": b"",
    "blank": b"   ",
    "NaN": b'{"name":NaN}',
    "minus infinity": b'{"name":"a","progress":-Infinity}',
    "infinity": b'{"name":"a","current":Infinity}',
    "1e400": b'{"name":"a","current":1e400}',
    "1e400 in a value": b'{"name":"a","metadata":{"x":1e400}}',
    "huge integer": b'{"name":"a","exit_code":9223372036854775808}',
    "integer of 5,000 digits": b'{"name":"a","parent_id":' + MANY + b"}",
    "integer of 5,000 digits in a value": b'{"name":"a","metadata":{"x":' + MANY + b"}}",
    "float with 5,000 digits": b'{"name":"a","progress":0.' + MANY + b"e999}",
    "number with a plus": b'{"name":"a","progress":+1}',
    "number with a nought": b'{"name":"a","progress":01}',
    "hexadecimal": b'{"name":"a","progress":0x10}',
    "name twice": b'{"name":"a","name":"b"}',
    "name twice in two spellings": b'{"name":"a","n\\u0061me":"b"}',
    "name twice below": b'{"name":"a","metadata":{"k":1,"k":2}}',
    "name twice where nobody looks": b'{"name":"a","version":{"a":[{"b":1,"b":2}]}}',
    "name twice, and 5,000 digits": b'{"name":"a","version":' + MANY + b',"version":1}',
    "lone surrogate": b'{"name":"\\ud800"}',
    "lone surrogate as a name": b'{"name":"a","metadata":{"\\udfff":1}}',
    "surrogates the wrong way round": b'{"name":"\\udc00\\ud800"}',
    "surrogate in UTF-8": b'{"name":"\xed\xa0\x80"}',
    "NUL escaped": b'{"name":"a\\u0000b"}',
    "NUL as a name": b'{"name":"a","metadata":{"\\u0000":1}}',
    "NUL, and 5,000 digits": b'{"name":"a\\u0000","version":' + MANY + b"}",
    "NUL, and 1e400": b'{"name":"a\\u0000","version":1e400}',
    "NUL raw": b'{"name":"a\x00b"}',
    "control character": b'{"name":"a\nb"}',
    "mark of byte order": b'\xef\xbb\xbf{"name":"a"}',
    "UTF-16": '{"name":"a"}'.encode("utf-16"),
    "UTF-32": '{"name":"a"}'.encode("utf-32"),
    "invalid UTF-8": b'{"name":"\xff\xfe"}',
    "overlong UTF-8": b'{"name":"\xc0\xaf"}',
    "beyond Unicode": b'{"name":"\xf4\x90\x80\x80"}',
    "trailing bytes": b'{"name":"a"} x',
    "two documents": b'{"name":"a"}{"name":"b"}',
    "trailing comma": b'{"name":"a",}',
    "comment": b'{"name":"a"/* x */}',
    "single quotes": b"{'name':'a'}",
    "cut off": b'{"name":"a',
    "cut off after a number": b'{"name":0E0',
    "cut off in an escape": b'{"name":"\\u00',
    "deep lists": b'{"name":"a","version":' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    "deep objects": b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
    "deep and open": b"[" * 100_000,
    "one too deep": b'{"version":' + b"[" * DEEPEST + b"]" * DEEPEST + b"}",
    "deep after an open string": b'{"name":"' + b"[" * 50_000,
    "20,000 names": b"{" + b",".join(b'"k%d":1' % number for number in range(20_000)) + b"}",
    "20,000 values": b'{"name":"a","metadata":{' + b",".join(b'"k%d":1' % number for number in range(16_000)) + b"}}",
    "100,000 items": b'{"tasks":[' + b"0," * 100_000 + b"0]}",
    "a long name": b'{"name":"' + b"x" * 200_000 + b'"}',
    "escapes": b'{"name":"' + b"\\u0041" * 40_000 + b'"}',
    "prototype": b'{"__proto__":{"admin":true},"constructor":{}}',
    "null": b"null",
    "text": b'"name"',
    "number": b"7",
    "true": b"true",
    "true for a number": b'{"name":"a","progress":true}',
    "text for a number": b'{"name":"a","progress":"5"}',
    "number for text": b'{"name":5}',
    "list for an object": b'{"name":"a","metadata":[]}',
    TOO_LARGE: b'{"name":"' + b"x" * LARGEST_BODY + b'"}',
}  # fmt: skip


def json_routes() -> list[tuple[str, str]]:
    """Every method and path whose body is read as JSON, and nothing else."""
    found = []
    for path, methods in table().table.items():
        for method, endpoint in methods.items():
            if method in ("POST", "PUT", "PATCH") and endpoint.takes in ((), MERGES) and path != "/logout":
                found.append((method, re.sub(r"\{[^}]*\}", "1", path)))
    return found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("data")) as run:
        assert run.make()["task_id"] == 1
        yield run


def test_the_routes_are_those_that_take_json() -> None:
    assert {("POST", "/tasks"), ("PUT", "/tasks/1"), ("PATCH", "/tasks/1"), ("POST", "/tasks/beats"),
            ("POST", "/login"), ("PATCH", "/notifications/1")} <= set(json_routes())  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_every_route_refuses_it_and_says_where(server: Running, name: str) -> None:
    body = HOSTILE[name]
    for method, path in json_routes():
        server.server._services.gate._failures.__init__(lambda: 0.0)  # type: ignore[misc]
        reply = server.call(method, path, body, {"Content-Type": "application/json"})
        place = (method, path, reply.status, reply.body[:200])
        assert reply.status in ((413,) if name == TOO_LARGE else (400, 422)), place
        assert reply.headers["Content-Type"] == "application/problem+json", place
        if reply.status != 413:
            assert all(pointer == "" or pointer.startswith("/") for pointer in reply.pointers) and reply.pointers, place
    assert server.call("GET", "/tasks/1").json["version"] == 1


@pytest.mark.parametrize("name", HOSTILE)
def test_what_takes_text_does_not_fail_either(server: Running, name: str) -> None:
    for path in ("/ping/hostile", "/tasks/1/log"):
        reply = server.call("POST", path, HOSTILE[name], {"Content-Type": "application/json"})
        assert reply.status < 500, (path, reply.body)


@pytest.mark.parametrize("name", ["NUL raw", "UTF-16", "deep and open", "cut off"])
def test_what_takes_files_does_not_fail_either(server: Running, name: str) -> None:
    for content_type in ("text/csv", "application/vnd.apache.parquet"):
        reply = server.call("POST", "/performance/history", HOSTILE[name], {"Content-Type": content_type})
        assert 400 <= reply.status < 500, (content_type, reply.body)


@pytest.mark.parametrize(("body", "pointer"), [
    ("name twice", "/name"), ("name twice in two spellings", "/name"), ("name twice below", "/metadata/k"),
    ("name twice where nobody looks", "/version/a/0/b"), ("NUL escaped", "/name"), ("huge integer", "/exit_code"),
    ("true for a number", "/progress"), ("mark of byte order", ""), ("one too deep", ""),
])  # fmt: skip
@pytest.mark.parametrize("type_", [TaskPatch, TaskDraft, TaskMerge])
def test_the_place_is_the_right_one(type_: type, body: str, pointer: str) -> None:
    with pytest.raises(VainError) as caught:
        received(type_, HOSTILE[body])
    assert [flaw.pointer for flaw in caught.value.flaws] == [pointer]


@pytest.mark.parametrize("body", [
    b'{"name":"name","description":"description"}', b'{"name":"a","metadata":{"name":"a"}}',
    b'{"name":":","description":":"}',
    b'{"name":"\\":","description":"\\"x\\":"}', b'{"name":"a","tags":["name","name:"],"metadata":{"a":":"}}',
    b'{"name":"a","metadata":{"\\u0061":1,"b":2}}', b'{"name":"a","source":{"host":"name"},"metadata":{"host":"name"}}',
])  # fmt: skip
def test_a_word_that_comes_twice_is_not_a_name_that_does(body: bytes) -> None:
    assert received(TaskDraft, body) == decode(TaskDraft, body)


PIECES = st.sampled_from([
    b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b"\\u0000", b"\\ud800", b"\xff", b"1.0", b"1e999",
    b"-", b"null", b"true", b'"name"', b'"metadata"', b'"error"', b'"type"', b'"exit_code"', b'"version"', b'"a"',
    b" ", b"\x00",
])  # fmt: skip


@given(st.lists(PIECES, max_size=25).map(b"".join), st.sampled_from([TaskDraft, TaskPatch, TaskMerge]))
def test_no_mixture_of_pieces_gives_any_other_error(body: bytes, type_: type) -> None:
    with suppress(VainError):
        received(type_, body)
    with suppress(VainError):
        received(type_, b'{"name":"a",' + body)
