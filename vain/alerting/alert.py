"""Alerts: rules that hold for something, from the moment they fire until they clear."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from vain.alerting.rule import Rule, RuleName, SeriesName, TaskEvent
from vain.types import LARGEST_INTEGER, Level, Line, Time


class Fired(Struct, frozen=True):
    """A rule began to hold for a subject, at ``since``. Times are seconds in whatever the caller counts in.

    ``subject`` is a series (``disk.percent:/home``, of another machine ``gpu-3/disk.percent:/home``), or a task's key
    or name. ``value`` is that of the metric, of a trend the seconds that are left, of silence None.
    """

    rule: Rule
    subject: str
    value: float | None
    threshold: float | None
    since: float
    duration_seconds: float
    task_id: int | None = None
    event: TaskEvent | None = None
    """What happened to the task."""
    said: str = ""
    """What is known of it: an exit code, how long it took."""


class Cleared(Struct, frozen=True):
    """A rule that had fired holds no more. ``threshold`` is that of the way back, ``since`` that of ``Fired``."""

    rule: Rule
    subject: str
    value: float | None
    threshold: float | None
    since: float
    duration_seconds: float
    peak: float | None = None
    """The worst value meanwhile."""
    task_id: int | None = None
    event: TaskEvent | None = None
    said: str = ""
    """Why it is over, where that is not that it went well."""


AlertEvent = Fired | Cleared


class Alert(Struct, frozen=True, kw_only=True):
    """A rule that fires now, as it is stored and shown. ``notification_id`` is that of its ``rule.fired``."""

    rule: RuleName
    subject: str
    level: Level
    since: Time
    fired_at: Time
    notification_id: int
    value: float | None = None
    threshold: float | None = None
    peak: float | None = None
    task_id: int | None = None
    event: TaskEvent | None = None
    told: Annotated[int, Meta(ge=0)] = 1
    """How often it was told, the first time included; 0: it fired in silence."""
    told_at: Time | None = None
    acknowledged_at: Time | None = None


Origin = Literal["default", "api", "file"]
"""Who made a rule: vAIn, somebody over the API or the page, the administrator's file."""


class ShownRule(Rule, frozen=True, kw_only=True, forbid_unknown_fields=False):
    """A rule with who made it, and for what it fires now."""

    origin: Origin
    firing: list[Alert]


class GivenRule(Rule, frozen=True, kw_only=True):
    """A rule as a client sends it: what it read may be sent back, and what is the server's is not looked at."""

    origin: Origin | None = None
    firing: list[Alert] | None = None

    @property
    def rule(self) -> Rule:
        """The rule itself."""
        return Rule(**{name: getattr(self, name) for name in Rule.__struct_fields__})


class Firing(Struct, frozen=True):
    """A time in which a rule fired, in Unix seconds; ``until`` is None while it still does."""

    rule: RuleName
    subject: str
    since: float
    fired_at: float
    until: float | None
    peak: float | None


class PastFiring(Struct, frozen=True):
    """A time in which a rule fired, as it was told. ``until`` is None while it still does.

    ``level`` and ``fired_at`` are None where the notification that said so is no longer kept.
    """

    rule: RuleName
    title: str
    level: Level | None
    metric: SeriesName | None
    """The series; None: the rule is about tasks."""
    task_id: int | None
    since: Time
    """When what it watches for began."""
    fired_at: Time | None
    until: Time | None
    notification_id: int
    """Of the ``rule.fired`` with which it began."""
    host: str | None = None
    """The machine of ``metric``; None: the server's own."""


class Tested(Struct, frozen=True):
    """When a rule would have fired. ``step_seconds`` is how fine the history was that told so; None: no metric."""

    rule: Rule
    after: Time
    before: Time
    step_seconds: float | None
    firings: list[Firing]


Day = Annotated[int, Meta(ge=1, le=7)]
"""1 is Monday, as in ISO 8601."""


class Recurring(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A maintenance window: each of ``days`` at ``start`` (``HH:MM``) in ``timezone``, ``seconds`` long."""

    start: Annotated[str, Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d$(?!\n)")]
    seconds: Annotated[float, Meta(ge=60, le=86_400)]
    days: Annotated[list[Day], Meta(min_length=1, max_length=7)] = field(default_factory=lambda: [1, 2, 3, 4, 5, 6, 7])
    timezone: Annotated[str, Meta(max_length=64)] = "UTC"


class Silence(Struct, frozen=True, kw_only=True):
    """Nobody is told: of any rule, or of these; of any subject, or of this one; ``until`` a time, or in a window."""

    silence_id: Annotated[int, Meta(ge=1, le=LARGEST_INTEGER)]
    created_at: Time
    rules: list[RuleName] | None = None
    subject: SeriesName | None = None
    until: Time | None = None
    recurring: Recurring | None = None
    comment: Line = ""


class SilenceDraft(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a client gives for a silence: exactly one of ``until``, ``seconds`` and ``recurring``."""

    rules: Annotated[list[RuleName], Meta(max_length=100)] | None = None
    subject: SeriesName | None = None
    until: Time | None = None
    seconds: Annotated[float, Meta(gt=0, le=366 * 86_400)] | None = None
    recurring: Recurring | None = None
    comment: Line = ""


class Judging(Struct, frozen=True):
    """What is judged by where tasks change: the rules about tasks, and who is silenced."""

    rules: tuple[Rule, ...] = ()
    silences: tuple[Silence, ...] = ()
