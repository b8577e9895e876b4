"""When rules fired: the alerts of now, and those that are over, which the notifications of their ends tell."""

from __future__ import annotations

from vain.alerting.alert import Alert, PastFiring
from vain.catalog import split_host
from vain.clock import unix, utc
from vain.codec import decode
from vain.notification import Notification
from vain.store import queries, reading
from vain.store.connection import Connection
from vain.types import Time


def firings(connection: Connection, after: Time, before: Time, limit: int) -> list[PastFiring]:
    """What fired in a window, the newest ``limit``, newest first; of what is over as far as notifications are kept."""
    alerts = (decode(Alert, body) for body in reading.kept(connection, "alert").values())
    found = [_of_alert(connection, alert) for alert in alerts if alert.since <= before]
    over = (_of_end(ended, fired) for ended, fired in connection.execute(queries.OVER, (after, before, limit)))
    # The end may have been told later than it came: after a restart, say.
    found += [each for each in over if each is not None and (each.until is None or each.until >= after)]
    return sorted(found, key=lambda each: (each.since, each.notification_id), reverse=True)[:limit]


def _of_alert(connection: Connection, alert: Alert) -> PastFiring:
    told = reading.notification(connection, alert.notification_id)
    host, series = (None, alert.subject) if alert.event else split_host(alert.subject)
    return PastFiring(
        rule=alert.rule,
        title=alert.rule if told is None else told.title,
        level=alert.level,
        metric=None if alert.event else series,
        task_id=alert.task_id,
        since=alert.since,
        fired_at=alert.fired_at,
        until=None,
        notification_id=alert.notification_id,
        host=host,
    )


def _of_end(body: bytes, fired_body: bytes | None) -> PastFiring | None:
    ended = decode(Notification, body)
    if ended.rule is None or ended.since is None or ended.fired_by is None:
        return None
    fired = None if fired_body is None else decode(Notification, fired_body)
    return PastFiring(
        rule=ended.rule,
        title=ended.title if fired is None else fired.title,
        level=None if fired is None else fired.level,
        metric=ended.metric,
        task_id=ended.task_id if fired is None else fired.task_id,
        since=ended.since,
        fired_at=None if fired is None else fired.timestamp,
        until=ended.timestamp if ended.duration_seconds is None else utc(unix(ended.since) + ended.duration_seconds),
        notification_id=ended.fired_by,
        host=ended.host,
    )
