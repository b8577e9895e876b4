"""Jobs that report by pings, and are missed when they do not come (a dead man's switch). Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from vain import words
from vain.clock import utc
from vain.errors import Flaw, Malformed, Misconfigured
from vain.fields import duration_seconds
from vain.notification import Notice
from vain.types import Task

Word = Literal["start", "fail", "log", "end"]

LONGEST_KEY, LONGEST_NAME = 64, 200
LONGEST_SECONDS = 366 * 86_400.0
LEAST_GRACE_SECONDS = 60.0
GRACE_SHARE = 0.1
_HOUR_SECONDS = 3_600
_WORDS: Mapping[str, Word] = {"start": "start", "fail": "fail", "log": "log"}
SEEN = r"[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*"
"""A key or a name in an address: something that can be seen, and no control characters."""
_SEEN = re.compile(SEEN)
_NUMBER = re.compile(r"\d{1,9}(\.\d{1,3})?", re.ASCII)


class Ping(Struct, frozen=True):
    """What one ping says. ``end`` is the ping without a word, or with an exit code."""

    key: str
    word: Word
    exit_code: int | None = None
    every_seconds: float | None = None
    grace_seconds: float | None = None
    name: str | None = None


class Expectation(Struct, frozen=True):
    """When the next ping of a job is to come: ``every_seconds`` after ``last_at`` (Unix seconds), and the grace."""

    key: str
    name: str
    every_seconds: float
    grace_seconds: float
    last_at: float
    told: bool = False
    """It was told that it did not come."""
    task_id: int | None = None
    """The run that came last."""


def parse_ping(key: str, word: str | None, query: Mapping[str, str]) -> Ping:
    """The ping that a path and its query stand for. Raises Malformed that names what is wrong."""
    if not _is_name(key, LONGEST_KEY):
        raise _malformed("key", f"A key of 1 to {LONGEST_KEY} characters that can be seen is expected.")
    name = query.get("name")
    if name is not None and not _is_name(name, LONGEST_NAME):
        raise _malformed("name", f"A name of 1 to {LONGEST_NAME} characters that can be seen is expected.")
    meant, exit_code = _word(word)
    every, grace = _seconds(query, "every"), _seconds(query, "grace")
    return Ping(key, meant, exit_code, every, grace, name)


def expected(before: Expectation | None, ping: Ping, now: float) -> Expectation | None:
    """What is expected after a ping at ``now`` (Unix seconds); None while no interval was given, or after one of 0.

    Each ping but one with output alone is a sign that the job came.
    """
    every = ping.every_seconds
    if every is None and before is not None:
        every = before.every_seconds
    if not every:
        return None
    grace = ping.grace_seconds
    if grace is None:
        is_same = before is not None and before.every_seconds == every
        grace = before.grace_seconds if before and is_same else max(LEAST_GRACE_SECONDS, GRACE_SHARE * every)
    name = ping.name or (before.name if before else ping.key)
    if before is not None and ping.word == "log":
        return replace(before, name=name, every_seconds=every, grace_seconds=grace)
    return Expectation(ping.key, name, every, grace, now, False, before.task_id if before else None)


def of_task(expectation: Expectation, task: Task) -> Expectation:
    """With the run that the ping belongs to."""
    return replace(expectation, task_id=task.task_id)


def missed(expectation: Expectation, now: float, listening_since: float = 0.0) -> bool:
    """Whether it is to be told that the job did not come.

    ``listening_since`` is when the server began: a ping that was due before may have come and found nobody, so what
    is expected counts from then on.
    """
    is_known = expectation.last_at + expectation.every_seconds >= listening_since
    last_at = expectation.last_at if is_known else listening_since
    return not expectation.told and now > last_at + expectation.every_seconds + expectation.grace_seconds


def told(expectation: Expectation) -> Expectation:
    """After that was told."""
    return replace(expectation, told=True)


NOT_COME = " did not come"


def missed_notice(expectation: Expectation, now: float) -> Notice:
    """That a job did not come."""
    due, last = (
        _moment(at, expectation.every_seconds)
        for at in (expectation.last_at + expectation.every_seconds, expectation.last_at)
    )
    return Notice(
        kind="task.missed",
        level="error",
        title=expectation.name + NOT_COME,
        message=f"Expected by {due}, every {words.duration(expectation.every_seconds)}; it was last heard of {last}",
        task_id=expectation.task_id,
    )


def came_notices(before: Expectation | None, after: Expectation | None, now: float) -> list[Notice]:
    """What a ping is worth telling: that a job which was missed has come after all."""
    if before is None or after is None or not before.told or after.told:
        return []
    late = now - before.last_at - before.every_seconds
    # Not late at all: the clock was set back in between.
    title, message = f"{after.name} is back", f"It came {words.duration(late)} late" if late > 0 else ""
    return [Notice(kind="task.recovered", level="info", title=title, message=message, task_id=after.task_id)]


def _moment(at: float, every_seconds: float) -> str:
    """To the second where minutes would say nothing."""
    time = utc(at)
    return words.moment(time) if every_seconds >= _HOUR_SECONDS else f"{time[:10]} {time[11:19]} UTC"


def _is_name(text: str, longest: int) -> bool:
    return len(text) <= longest and _SEEN.fullmatch(text) is not None


def _word(word: str | None) -> tuple[Word, int | None]:
    if word is None:
        return "end", None
    if (known := _WORDS.get(word)) is not None:
        return known, None
    if word.isascii() and word.isdigit() and len(word) <= 3 and int(word) <= 255:
        return "end", int(word)
    raise _malformed("word", "start, fail, log or an exit code from 0 to 255 is expected.")


def _seconds(query: Mapping[str, str], name: str) -> float | None:
    text = query.get(name)
    if text is None:
        return None
    try:
        seconds = float(text) if _NUMBER.fullmatch(text) else duration_seconds(text)
    except Misconfigured:
        seconds = -1.0
    if not 0 <= seconds <= LONGEST_SECONDS:
        raise _malformed(name, "Seconds, or a time such as 90s, 45m, 26h or 1d, of at most a year is expected.")
    return seconds


def _malformed(parameter: str, detail: str) -> Malformed:
    return Malformed(f"{parameter}: {detail}", [Flaw(detail, parameter=parameter)])
