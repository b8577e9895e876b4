"""Bytes to types and back: the one place where JSON is read and written.

What comes in is checked here, so that nothing behind it needs to doubt it. Refused, with a pointer to the place: what
is not UTF-8 JSON, NaN and infinities, numbers that are not exact in JavaScript, lone surrogates, NUL characters,
nesting deeper than ``DEEPEST`` levels, unknown fields, values of the wrong type or out of range. From others
(``received``) also a name that an object has twice.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from vain.clock import utc
from vain.errors import Flaw, Invalid, Malformed
from vain.types import LARGEST_INTEGER, OUTCOMES, PRIORITIES, STATUSES, Time

T = TypeVar("T")

DEEPEST = 16
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_STRING_OR_NAME = re.compile(rb'"([^"\\]*(?:\\.[^"\\]*)*)"(\s*:)?', re.DOTALL)
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
LATEST_SECONDS = 253_370_764_800.0
"""The year 9999: calendars end with it, and rounding must not step over the end."""
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_WHERE = re.compile(r"^(?P<what>.*?)(?: - at (?:`key` in )?`\$(?P<path>.*)`)?$", re.DOTALL)
_FIELD = re.compile(r"field `(?P<field>.*)`$", re.DOTALL)
_STEP = re.compile(r"\.(?P<name>[^.\[\]]+)|\[(?P<index>\d+|\.\.\.)\]")

_CHOICES = {"/status": STATUSES, "/priority": PRIORITIES, "/outcome": OUTCOMES}

_WORDS = [
    (re.compile(r"`str` of length >= 1\b"), "text that is not empty"),
    (re.compile(r"`str` of length <= (\d+)"), r"text of at most \1 characters"),
    (re.compile(r"`array` of length <= (\d+)"), r"a list of at most \1"),
    (re.compile(r"`object` of length <= (\d+)"), r"an object of at most \1 fields"),
    (re.compile(r"`(?:int|float)` (>=|<=|>) ([\d.-]+?)(?:\.0)?(?=$|,)"), r"a number \1 \2"),
]
"""msgspec speaks of Python's types; a client in another language reads of JSON's."""
_TYPES = re.compile(r"`([a-z]+(?: \| [a-z]+)*)`")
_JSON_TYPES = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
}

_encoder = msgspec.json.Encoder()
_decoders: dict[Any, msgspec.json.Decoder[Any]] = {}

encode = _encoder.encode


def decode(type_: type[T], body: bytes, is_flat: bool = False) -> T:
    """The JSON text ``body`` as a ``type_``. ``is_flat``: nothing in that type can hold what is nested at will, so that
    nobody counts how deep the text is.

    Raises Malformed if it is not JSON, Invalid that names the field if it breaks a rule.
    """
    decoder = _decoders.get(type_)
    if decoder is None:
        decoder = _decoders[type_] = msgspec.json.Decoder(type_)
    if not is_flat and _may_be_deep(body) and _depth(body) > DEEPEST:
        raise _malformed(f"The body is nested more than {DEEPEST} levels deep.")
    try:
        decoded: T = decoder.decode(body)
    except msgspec.ValidationError as error:
        if "got `float`" in str(error) and (plain := _with_plain_numbers(body)) != body:
            return decode(type_, plain, is_flat)
        raise _invalid(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _malformed(f"The body is not valid JSON: {_plain(error, body)}.") from None
    if b"\\u0000" in body:
        _refuse_nul(body)
    return decoded


def trusted(type_: type[T], body: bytes) -> T:
    """What another server wrote, as ``decode`` has it, without a look for what only a stranger would send: a thirtieth
    of the time. Raises Malformed."""
    decoder = _decoders.get(type_)
    if decoder is None:
        decoder = _decoders[type_] = msgspec.json.Decoder(type_)
    try:
        decoded: T = decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _malformed(f"What another server wrote cannot be read: {error}.") from None
    return decoded


def received(type_: type[T], body: bytes) -> T:
    """What somebody sent, as ``decode`` has it; also raises Invalid for an object that has a name twice.

    Which of the two values counts is left open by the standard, so one reader would take what another has checked.
    """
    decoded = decode(type_, body)
    strings = body.split(b'"')[1::2]
    if len(set(strings)) < len(strings) or b"\\" in body:
        names = [name for name, colon in _STRING_OR_NAME.findall(body) if colon]
        if len(set(names)) < len(names) or any(b"\\" in name for name in names):
            _refuse_twins(body)
    return decoded


def convert(type_: type[T], fields: Mapping[str, object], strict: bool = False) -> T:
    """Fields as a ``type_``: as on a command line, where every value is text, or ``strict``. Raises Invalid."""
    try:
        return msgspec.convert(dict(fields), type_, strict=strict)
    except msgspec.ValidationError as error:
        raise _invalid(str(error)) from None


def parse_time(text: str, pointer: str | None = None, parameter: str | None = None) -> Time:
    """Any RFC 3339 time with an offset, in canonical form (UTC, milliseconds). Raises Invalid that names the field."""
    if _TIME.fullmatch(text):
        try:
            seconds = datetime.fromisoformat(text.upper()).astimezone(UTC).timestamp()
        except (ValueError, OverflowError):
            seconds = -1.0
        if 0 <= seconds < LATEST_SECONDS:
            return utc(seconds)
    detail = "A time such as 2026-11-23T09:30:00Z (RFC 3339, with an offset or Z, from 1970 to 9998) is expected."
    raise Invalid(detail, [Flaw(detail, pointer=pointer, parameter=parameter)])


def _with_plain_numbers(body: bytes) -> bytes:
    """The same body with 7 for 7.0; unchanged if it cannot be read, since it is only read as far as its first flaw."""
    try:
        return encode(_with_integers(msgspec.json.decode(body)))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return body


def _with_integers(value: Any) -> Any:
    """The same, with 7 for 7.0: JSON has one kind of number, and some languages write them so."""
    if isinstance(value, dict):
        return {name: _with_integers(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_with_integers(item) for item in value]
    is_whole = isinstance(value, float) and value.is_integer() and abs(value) <= LARGEST_INTEGER
    return int(value) if is_whole else value


def _malformed(detail: str) -> Malformed:
    return Malformed(detail, [Flaw(detail, pointer="")])


def _plain(error: Exception, body: bytes) -> str:
    if b"\\ud" in body.lower() and "truncated" in str(error):
        return "half of a surrogate pair stands alone in it"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    return str(error).removeprefix("JSON is malformed: ")


def _invalid(message: str) -> Invalid:
    """msgspec's sentence, with its path turned into a JSON pointer."""
    match = _WHERE.match(message)
    what, path = (match["what"], match["path"] or "") if match else (message, "")
    steps = [step["name"] or step["index"] for step in _STEP.finditer(path)]
    # msgspec writes "..." for a value whose key it does not know: the pointer then ends at the object.
    pointer = "".join(f"/{_escaped(step)}" for step in steps if step != "...")
    field = _FIELD.search(what)
    if field:
        pointer += f"/{_escaped(field['field'])}"
        what = "This field is required" if "missing" in what else "There is no such field"
    elif "enum value" in what and (choices := _choices(pointer)):
        what += f"; one of {', '.join(choices)} is expected"
    for pattern, words in _WORDS:
        what = pattern.sub(words, what)
    what = _TYPES.sub(lambda found: " or ".join(_JSON_TYPES.get(name, name) for name in found[1].split(" | ")), what)
    name = pointer.removeprefix("/") or "The body"
    return Invalid(f"{name}: {what}.", [Flaw(f"{what}.", pointer=pointer)])


def _choices(pointer: str) -> tuple[str, ...]:
    """The values of a field with a closed set of them; also where it stands within something, or is one of a list."""
    names = [step for step in pointer.split("/") if not step.isdigit()]
    return _CHOICES.get(f"/{names[-1]}", ())


def _escaped(step: str) -> str:
    return step.replace("~", "~0").replace("/", "~1")


def _may_be_deep(body: bytes) -> bool:
    return body.count(b"{") + body.count(b"[") > DEEPEST


def _depth(body: bytes) -> int:
    """How deep the brackets outside of strings go; beyond ``DEEPEST`` no further is looked."""
    depth = deepest = 0
    for bracket in _STRING.sub(b"", body).translate(None, _NO_BRACKETS):
        if bracket in b"[{":
            depth += 1
            deepest = max(deepest, depth)
            if deepest > DEEPEST:
                break
        else:
            depth -= 1
    return deepest


class _Pairs(list[tuple[str, Any]]):
    """An object's members, in order, those of the same name too."""


def _refuse_twins(body: bytes) -> None:
    for pointer, pairs in _objects(json.loads(body, object_pairs_hook=_Pairs, parse_int=str), ""):
        names = set[str]()
        for name, _ in pairs:
            if name in names:
                detail = "It is given more than once."
                raise Invalid(f"{pointer}/{name}: {detail}"[1:], [Flaw(detail, pointer=f"{pointer}/{_escaped(name)}")])
            names.add(name)


def _objects(value: Any, pointer: str) -> Iterator[tuple[str, _Pairs]]:
    if isinstance(value, _Pairs):
        yield pointer, value
        for name, member in value:
            yield from _objects(member, f"{pointer}/{_escaped(name)}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _objects(item, f"{pointer}/{index}")


def _refuse_nul(body: bytes) -> None:
    """SQLite would store text with a NUL and then measure it wrongly; PostgreSQL refuses it."""
    for pointer, text in _texts(json.loads(body, parse_int=str), ""):
        if "\0" in text:
            detail = "A NUL character is not allowed in text."
            raise Invalid(f"{pointer.removeprefix('/')}: {detail}", [Flaw(detail, pointer=pointer)])


def _texts(value: Any, pointer: str) -> Any:
    if isinstance(value, str):
        yield pointer, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield f"{pointer}/{_escaped(key)}", key
            yield from _texts(item, f"{pointer}/{_escaped(key)}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(item, f"{pointer}/{index}")
