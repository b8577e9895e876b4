"""What a rule and its alerts are in words. Pure."""

from __future__ import annotations

from msgspec.structs import replace

from vain import words
from vain.alerting.alert import Alert, AlertEvent, Cleared, Fired
from vain.alerting.rule import Rule
from vain.catalog import metric_of, split_host
from vain.clock import unix
from vain.notification import Notice
from vain.types import Time

HAPPENED = {
    "failed": "failed", "crashed": "crashed", "timed-out": "timed out", "stale": "is silent", "overdue": "is overdue",
    "missed": "did not come", "longer": "runs longer than usual", "shorter": "was quicker than usual",
    "costlier": "cost more than usual",
}  # fmt: skip


LONGEST_REPEAT_SECONDS = 86_400.0
HAPPENED_ONCE = frozenset({"failed", "crashed", "timed-out", "shorter", "costlier"})
"""Nobody can do anything about it any more: told once."""


def is_to_be_told_again(alert: Alert, rule: Rule, now: float) -> bool:
    """Whether it is time for another reminder (Unix seconds): after longer and longer pauses."""
    if alert.told == 0 or alert.told_at is None:
        return True
    if rule.repeat is None or alert.event in HAPPENED_ONCE:
        return False
    patience = min(rule.repeat * 2.0 ** (alert.told - 1), max(rule.repeat, LONGEST_REPEAT_SECONDS))
    return now - unix(alert.told_at) >= patience


def condition_words(rule: Rule) -> str:
    """``CPU above 95 % for 5 min, unless backup runs``."""
    if rule.tasks:
        whose = f"the task {rule.task}" if rule.task else f"a task with the tag {rule.tag}" if rule.tag else "a task"
        said = f"{whose} {_listed([HAPPENED[event] for event in rule.tasks])}"
    elif rule.absent:
        said = f"no {subject_words(rule.metric or '')} for {words.duration(rule.for_seconds)}"
    else:
        said = f"{subject_words(rule.metric or '')} {_aim(rule)}"
        said += f" for {words.duration(rule.for_seconds)}" if rule.for_seconds else ""
    said += f", unless {rule.unless_task} runs" if rule.unless_task else ""
    return said + (f", only while {rule.while_task} runs" if rule.while_task else "")


def title_of(rule: Rule) -> str:
    """What it is called: what somebody wrote, or what it watches for."""
    if rule.title:
        return rule.title
    said = f"{subject_words(rule.metric or '')} {_aim(rule)}" if _is_of_value(rule) else condition_words(rule)
    return capital(said)


def capital(text: str) -> str:
    """As the beginning of a sentence."""
    return text[:1].upper() + text[1:]


def subject_words(series: str) -> str:
    """What a person calls a series: ``Disk /home`` for ``disk.percent:/home``, with its machine if it is another's."""
    host, series = split_host(series)
    metric, instance = metric_of(series), series.partition(":")[2]
    label = metric.label if metric is not None else series
    label = f"{label} {instance}" if metric is not None and instance else label
    return label if host is None else f"{label} on {host}"


def told_of(event: AlertEvent, since: Time) -> Notice:
    """That a rule fires for a subject, or does no more; ``since`` is when it began."""
    rule = event.rule
    fired = isinstance(event, Fired)
    host, series = (None, event.subject) if rule.tasks else split_host(event.subject)
    notice = Notice(
        kind="rule.fired" if fired else "rule.cleared",
        level=rule.level if fired else "info",
        title=_fired_title(event) if fired else f"No longer: {_fired_title(event)}",
        message=_fired_words(event) if isinstance(event, Fired) else _cleared_words(event),
        task_id=event.task_id,
        metric=None if rule.tasks else series,
        host=host,
        # Of a trend it would be seconds, where everybody reads the unit of the metric; the message says it.
        value=None if rule.reaches is not None else event.value,
        threshold=None if rule.reaches is not None else event.threshold,
        rule=rule.name,
        since=since,
        channels=rule.channels,
    )
    return notice if fired else replace(notice, duration_seconds=event.duration_seconds)


def reminder_of(alert: Alert, rule: Rule, now: Time) -> Notice:
    """That it still fires."""
    event = Fired(rule, alert.subject, alert.value, alert.threshold, 0.0, 0.0, alert.task_id, alert.event)
    lasted = max(0.0, unix(now) - unix(alert.since))
    return replace(
        told_of(event, alert.since),
        kind="rule.repeated",
        title=f"Still: {_fired_title(event)}",
        message=f"For {words.duration(lasted)} now; {_lower(_fired_words(event))}",
        fired_by=alert.notification_id,
    )


def dropped_of(alert: Alert, title: str, now: Time) -> Notice:
    """That nobody knows whether it still would: its rule is gone or asks something else."""
    host, series = (None, alert.subject) if alert.event else split_host(alert.subject)
    return Notice(
        kind="rule.cleared", level="info", title=f"No longer watched: {_of_host(title, host)}", quiet=True,
        rule=alert.rule, message="The rule was changed or deleted while it fired",
        metric=None if alert.event else series, host=host,
        task_id=alert.task_id, since=alert.since, fired_by=alert.notification_id,
        duration_seconds=max(0.0, unix(now) - unix(alert.since)),
    )  # fmt: skip


def _fired_title(event: AlertEvent) -> str:
    rule = event.rule
    if rule.tasks and event.event is not None and not rule.title:
        return f"{event.subject} {HAPPENED[event.event]}"
    if rule.tasks:
        return f"{event.subject}: {rule.title}"
    return _of_host(title_of(rule), split_host(event.subject)[0])


def _of_host(title: str, host: str | None) -> str:
    return title if host is None else f"{host}: {title}"


def _fired_words(event: Fired) -> str:
    rule, subject = event.rule, subject_words(event.subject)
    if rule.tasks:
        return _happened_words(event)
    lasted = words.duration(event.duration_seconds)
    if rule.absent:
        return f"{subject} has had no value for {lasted}"
    if rule.reaches is not None:
        aim = _amount(rule.reaches, event.subject)
        soon = "soon" if event.value is None else f"in {words.duration(event.value)}"
        return f"{subject} will be at {aim} {soon} if it goes on so"
    way = "above" if rule.above is not None else "below"
    said = f"{subject} is at {_amount(event.value, event.subject)}, {way} {_amount(event.threshold, event.subject)}"
    return f"{said} for {lasted}" if event.duration_seconds else said


def _happened_words(event: Fired) -> str:
    """Why, as far as it is known; what the title says already is not said again."""
    happened = "" if event.event is None else f"{event.subject} {HAPPENED[event.event]}"
    return event.said if event.said and not event.rule.title else ": ".join(filter(None, (happened, event.said)))


def _cleared_words(event: Cleared) -> str:
    rule, after = event.rule, f"after {words.duration(event.duration_seconds)}"
    if rule.tasks:
        well = "It is over" if event.event in _OF_A_RUN else f"{event.subject} went well again"
        return f"{event.said or well}, {after}"
    subject = subject_words(event.subject)
    if _holds_still(event):
        return f"{rule.while_task} has ended, {after}"
    if rule.absent:
        return f"{subject} has values again, {after}"
    if rule.reaches is not None:
        return f"{subject} is not on its way to {_amount(rule.reaches, event.subject)} any more, {after}"
    way = "below" if rule.above is not None else "above"
    said = (
        f"{subject} is at {_amount(event.value, event.subject)}, back {way} {_amount(event.threshold, event.subject)}"
    )
    worst = f"; it was at {_amount(event.peak, event.subject)} at worst" if event.peak is not None else ""
    return f"{said} {after}{worst}"


_OF_A_RUN = frozenset({"stale", "overdue", "longer"})


def _is_of_value(rule: Rule) -> bool:
    return rule.condition in ("threshold", "trend")


def _holds_still(event: Cleared) -> bool:
    """Whether it is over only because the task is for whose time it was watched."""
    rule, value, clear = event.rule, event.value, event.threshold
    if rule.while_task is None:
        return False
    if value is None or clear is None:
        return rule.absent and value is None
    return value > clear if rule.above is not None else value < clear


def _aim(rule: Rule) -> str:
    metric = rule.metric or ""
    if rule.reaches is not None:
        return f"will be at {_amount(rule.reaches, metric)} within {words.duration(rule.within)}"
    if rule.above is not None:
        return f"above {_amount(rule.above, metric)}"
    return f"below {_amount(rule.below, metric)}"


def _amount(value: float | None, series: str) -> str:
    metric = metric_of(series)
    return words.quantity(value, metric.unit if metric is not None else "count")


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} or {parts[-1]}"


def _lower(text: str) -> str:
    """As a part of a sentence: an abbreviation (CPU) stays as it is."""
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]
