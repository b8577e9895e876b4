"""Parameters and headers that several routes share, as they declare them (``declared.py``)."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from vain.alerting.rule import RuleName
from vain.hosts import HostName
from vain.pings import LONGEST_KEY as LONGEST_JOB
from vain.pings import SEEN
from vain.types import LARGEST_INTEGER, SourceHost, TaskId
from vain.web.declared import Answer, Parameter

LONGEST_TEXT = 200
LONGEST_KEY = 255
LONGEST_HOST = 255
MOST_HOSTS = 100
LONGEST_AGO_SECONDS = 30 * 86_400.0
LONGEST_BEAT_SECONDS = 3_600.0

_TIME_SCHEMA = {"format": "date-time", "examples": ["2026-11-23T09:30:00Z"]}
Moment = Annotated[
    str,
    Meta(
        extra_json_schema={
            "anyOf": [_TIME_SCHEMA, {"pattern": r"^(-\d{1,9}|\d{1,10})(\.\d{1,6})?$", "examples": ["-3600"]}]
        }
    ),
]
"""A time, Unix seconds, or negative seconds before now."""
Found = Annotated[str, Meta(min_length=1, max_length=LONGEST_TEXT)]
"""Text that is looked for."""
_PRINTED = "[!-~\xa1-\xac\xae-\xff]"
"""What a header may have and a person can see."""
_SecondsText = Annotated[float, Meta(ge=0, le=LONGEST_AGO_SECONDS)]


def one_or_more(words: tuple[str, ...]) -> object:
    """The type of a parameter that takes one of these words, or several with commas between."""
    known = "|".join(words)
    return Annotated[str, Meta(pattern=f"^({known})(,({known}))*$")]


AFTER = Parameter("after", Moment, "Where the window begins: a time, Unix seconds, or negative seconds before now.")
BEFORE = Parameter("before", Moment, "Where it ends, in the same words; not given: now.")
WINDOW = (AFTER, BEFORE)
HOST = Parameter("host", HostName, "Of this machine (`GET /hosts`), not of the server's own.")
TASK_HOST = Parameter("host", SourceHost, "Only tasks whose `source.host` is this.")
TASK_HOSTS = Parameter(
    "host",
    Annotated[str, Meta(pattern=f"^[^,]{{1,{LONGEST_HOST}}}(,[^,]{{1,{LONGEST_HOST}}}){{0,{MOST_HOSTS - 1}}}$")],
    "Only tasks whose `source.host` is this, or one of these, with commas between.",
)
TAG = Parameter("tag", Found, "Only tasks with this tag.")
Q = Parameter("q", Found, "Only tasks with this text in the name, description, message, key or a tag.")

IF_MATCH = Parameter(
    "If-Match", str, "Only if the task is still at the version of this `ETag`, as a GET gave it; else 412."
)
IF_NONE_MATCH = Parameter(
    "If-None-Match", str, "Only if it is no longer what this `ETag` stands for; else 304, without a body."
)
NOT_MODIFIED = Answer(304, "It is still what `If-None-Match` names.")
AS_OF = ("X-Vain-Seq", "X-Vain-Epoch")
"""On answers with tasks."""
IDEMPOTENCY_KEY = Parameter(
    "Idempotency-Key",
    Annotated[str, Meta(min_length=1, max_length=LONGEST_KEY, pattern=f"^{_PRINTED}( *{_PRINTED})*$")],
    "Anything of the caller's own: the same key and body give the same answer for 24 hours.",
)
AGO = Parameter(
    "Vain-Ago", _SecondsText, "So many seconds ago it happened; a reporter says it that could not reach the server."
)
BEAT = Parameter(
    "Vain-Beat-Seconds",
    Annotated[float, Meta(ge=0, le=LONGEST_BEAT_SECONDS)],
    "The process promises to send a sign of life this often (`POST /tasks/beats`).",
)
PARENT_RUN = Parameter("Vain-Parent-Run", str, "What a reporter calls the task that this one is part of.")
LOG_OFFSET = Parameter(
    "Vain-Log-Offset",
    Annotated[int, Meta(ge=0, le=LARGEST_INTEGER)],
    "Where in all of the output the body begins, so that nothing is taken twice.",
)

IN_PATHS: dict[str, tuple[Any, str]] = {
    "task_id": (TaskId, "The task's number."),
    "notification_id": (TaskId, "The notification's number."),
    "key": (Annotated[str, Meta(min_length=1, max_length=LONGEST_JOB, pattern=f"^{SEEN}$")], "The recurring job."),
    "word": (
        Annotated[str, Meta(pattern=r"^(start|fail|log|25[0-5]|2[0-4]\d|1\d\d|\d{1,2})$")],
        "`start`, `fail`, `log`, or an exit code.",
    ),
    "name": (RuleName, "The rule's name."),
    "host": (HostName, "What the machine is called."),
    "silence_id": (TaskId, "The silence's number."),
    "chart": (Annotated[str, Meta(min_length=1, max_length=100)], "The chart's `id`."),
}
"""What stands in braces in a path: its type, and what it is."""
