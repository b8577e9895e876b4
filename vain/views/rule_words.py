"""What the browser is told of rules, of what fires and of silences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from msgspec import structs, to_builtins

from vain import words
from vain.alerting.alert import Alert, Recurring, ShownRule, Silence
from vain.alerting.rule import DEFAULT_RULES, Rule
from vain.alerting.silencing import is_in_force, is_silenced
from vain.alerting.telling import HAPPENED, capital, condition_words, subject_words, title_of
from vain.catalog import METRICS
from vain.clock import utc
from vain.notification import Notification
from vain.silences import FIRST_MADE
from vain.views.notice_words import amount, moment_address

OURS: Final = frozenset(rule.name for rule in DEFAULT_RULES)
ORIGINS: Final = {"default": "vAIn's own", "api": "made by people", "file": "in the file"}
DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
NEVER_READ: Final = frozenset({"task_id"})
"""No rule watches a single task's series."""


def row_of(rule: ShownRule) -> dict[str, Any]:
    """One line of the table, with the rule itself for the editor."""
    return {
        "rule": to_builtins(bare(rule)),
        "title": title_of(rule),
        "words": capital(condition_words(rule)),
        "origin": rule.origin,
        "from": "changed by people" if rule.origin == "api" and rule.name in OURS else ORIGINS[rule.origin],
        "is_ours": rule.name in OURS,
        "firing": len(rule.firing),
    }


def bare(rule: ShownRule) -> Rule:
    """The rule itself."""
    return Rule(**{name: getattr(rule, name) for name in Rule.__struct_fields__})


def alert_row(
    rule: ShownRule, alert: Alert, silences: Iterable[Silence], current: Mapping[str, float | None], now: float
) -> dict[str, Any]:
    """Something that fires. ``current``: the newest values by series; ``now``: Unix seconds."""
    known = list(silences)
    return {
        "notification_id": alert.notification_id,
        "rule": alert.rule,
        "subject": alert.subject,
        "level": alert.level,
        "title": title_of(rule),
        "about": alert.subject if rule.tasks else subject_words(alert.subject),
        "words": _state_words(rule, alert, current),
        "since": alert.since,
        "told": alert.told,
        "acknowledged_at": alert.acknowledged_at,
        "is_silenced": is_silenced(alert.rule, alert.subject, known, now),
        "task_id": alert.task_id,
        "moment": _moment_of(alert, now),
    }


def silence_row(silence: Silence, rules: Mapping[str, ShownRule], now: float) -> dict[str, Any]:
    """A silence that holds now or later."""
    named = (
        None if silence.rules is None else [title_of(rules[name]) if name in rules else name for name in silence.rules]
    )
    whose = "Every rule" if named is None else ", ".join(named) or "No rule"
    return {
        "silence_id": silence.silence_id,
        "whose": f"{whose}, {subject_words(silence.subject)}" if silence.subject else whose,
        "until": silence.until,
        "recurring": "" if silence.recurring is None else _recurring_words(silence.recurring),
        "comment": silence.comment,
        "in_force": is_in_force(silence, now),
        "is_of_file": silence.silence_id < FIRST_MADE,
    }


def metrics_for_rules() -> list[dict[str, str]]:
    """What can be watched: name, unit, label, help, and what there may be several of."""
    kept = [metric for metric in METRICS if metric.instance not in NEVER_READ]
    return [{**structs.asdict(each), "decimals": "", "instance": each.instance or ""} for each in kept]


def task_events() -> list[list[str]]:
    """What may happen to a task, each with its words."""
    return [list(pair) for pair in HAPPENED.items()]


def _state_words(rule: ShownRule, alert: Alert, current: Mapping[str, float | None]) -> str:
    if rule.tasks:
        return HAPPENED[alert.event] if alert.event is not None else ""
    if rule.absent:
        return "no value"
    now = current.get(alert.subject)
    if rule.reaches is not None:
        left = (
            ""
            if alert.value is None
            else f"at {amount(rule.reaches, alert.subject)} in {words.duration(alert.value)} when it fired"
        )
        return ", ".join(part for part in (_at(now, alert.subject), left) if part)
    way = "above" if rule.above is not None else "below"
    threshold = rule.above if rule.above is not None else rule.below
    worst = "" if alert.peak is None else f"at worst {amount(alert.peak, alert.subject)}"
    against = (
        f"{way} {amount(threshold, alert.subject)}"
        if _is_beyond(rule, now)
        else f"the threshold is {amount(threshold, alert.subject)}"
    )
    return ", ".join(part for part in (_at(now, alert.subject), against, worst) if part)


def _is_beyond(rule: Rule, value: float | None) -> bool:
    if value is None:
        return False
    return value > rule.above if rule.above is not None else rule.below is not None and value < rule.below


def _at(value: float | None, series: str) -> str:
    return "" if value is None else f"now {amount(value, series)}"


def _moment_of(alert: Alert, now: float) -> str:
    """The timeline from when it began until now."""
    told = Notification(alert.notification_id, utc(now), "rule.fired", alert.level, "", since=alert.since)
    return moment_address(told)


def _recurring_words(window: Recurring) -> str:
    days = (
        "every day"
        if len(set(window.days)) == len(DAYS)
        else ", ".join(DAYS[day - 1] for day in sorted(set(window.days)))
    )
    return f"{days} from {window.start} ({window.timezone}) for {words.duration(window.seconds)}"
