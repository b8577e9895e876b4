"""Alerts as they are stored: one for each rule and subject that fires, committed with the notification that says so.

Everything here runs on the store's writing thread.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from vain.alerting import telling
from vain.alerting.alert import Alert, AlertEvent, Cleared, Fired, Silence
from vain.alerting.rule import Rule
from vain.alerting.silencing import is_silenced
from vain.clock import unix, utc
from vain.codec import decode, encode
from vain.notification import Notice, Notification, ProcessPart, TaskPart
from vain.store.transaction import Transaction
from vain.types import Time

RUNNING_SHOWN = 20


class Seen(Struct, frozen=True):
    """Who used most when a rule fired, and that moment on the dashboard."""

    shares: list[TaskPart] = []
    processes: list[ProcessPart] = []
    url: str | None = None


NOTHING_SEEN = Seen()


def alert_of(transaction: Transaction, rule: str, subject: str) -> Alert | None:
    """What fires of this rule for this subject."""
    body = transaction.kept("alert", _name(rule, subject))
    return None if body is None else decode(Alert, body)


def alerts_of(transaction: Transaction, subject: str) -> dict[tuple[str, str], Alert]:
    """What fires for this subject, by rule and subject."""
    bodies = transaction.kept_under("alert", f"{subject}\n").values()
    found = (decode(Alert, body) for body in bodies)
    # A subject may have lines of its own, of which another's name may be the first.
    return {(alert.rule, subject): alert for alert in found if alert.subject == subject}


def alerts(transaction: Transaction) -> list[Alert]:
    """Everything that fires."""
    return [decode(Alert, body) for body in transaction.all_kept("alert").values()]


def store(
    transaction: Transaction, event: AlertEvent, silences: Sequence[Silence], now: Time, seen: Seen = NOTHING_SEEN
) -> Notification | None:
    """Tell of it, and keep it. None if that was stored before: an answer that got lost is asked for again.

    The times of the event are in Unix seconds.
    """
    known = alert_of(transaction, event.rule.name, event.subject)
    if isinstance(event, Fired):
        return None if known is not None else _fire(transaction, event, silences, now, seen)
    return None if known is None else _clear(transaction, event, known, now)


def remind(transaction: Transaction, alert: Alert, rule: Rule, now: Time) -> Notification:
    """Tell again that it fires."""
    told = _notified(transaction, telling.reminder_of(alert, rule, now), now)
    keep(transaction, replace(alert, told=alert.told + 1, told_at=now))
    return told


def drop(transaction: Transaction, alert: Alert, title: str, now: Time) -> Notification:
    """Its rule is gone, or asks something else now."""
    transaction.keep("alert", _name(alert.rule, alert.subject), None)
    return _notified(transaction, telling.dropped_of(alert, title, now), now)


def keep(transaction: Transaction, alert: Alert) -> None:
    """Store what is known of an alert."""
    transaction.keep("alert", _name(alert.rule, alert.subject), encode(alert))


def peak_of(alert: Alert, peaks: Mapping[tuple[str, str], float | None]) -> float | None:
    """The worst value of an alert, with what the judge has seen, by rule and subject."""
    # What a rule looks at may be no value of the metric (the seconds that a trend leaves); then none was stored.
    peak = peaks.get((alert.rule, alert.subject))
    return alert.peak if alert.peak is None or peak is None else peak


def keep_peaks(transaction: Transaction, worse: Mapping[int, float | None]) -> None:
    """So that a server that is killed still knows how bad it was; by the numbers of notifications."""
    for alert in alerts(transaction):
        if alert.notification_id in worse:
            keep(transaction, replace(alert, peak=worse[alert.notification_id]))


def _fire(transaction: Transaction, event: Fired, silences: Sequence[Silence], now: Time, seen: Seen) -> Notification:
    is_quiet = is_silenced(event.rule.name, event.subject, silences, unix(now))
    notice = replace(
        telling.told_of(event, utc(event.since)),
        quiet=is_quiet, shares=seen.shares, processes=seen.processes, url=seen.url,
    )  # fmt: skip
    told = _notified(transaction, notice, now)
    alert = Alert(
        rule=event.rule.name, subject=event.subject, level=event.rule.level, since=utc(event.since), fired_at=now,
        notification_id=told.notification_id, value=notice.value, threshold=notice.threshold, peak=notice.value,
        task_id=event.task_id, event=event.event, told=0 if is_quiet else 1, told_at=None if is_quiet else now,
    )  # fmt: skip
    keep(transaction, alert)
    return told


def _clear(transaction: Transaction, event: Cleared, alert: Alert, now: Time) -> Notification:
    transaction.keep("alert", _name(alert.rule, alert.subject), None)
    notice = telling.told_of(event, alert.since)
    return _notified(transaction, replace(notice, fired_by=alert.notification_id, quiet=alert.told == 0), now)


def _notified(transaction: Transaction, notice: Notice, now: Time) -> Notification:
    return transaction.notify(notice, now, transaction.running(RUNNING_SHOWN))


def _name(rule: str, subject: str) -> str:
    return f"{subject}\n{rule}"
