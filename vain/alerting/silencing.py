"""Silences: who is not to be told of what now. Pure; times are Unix seconds."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from vain.alerting.alert import Recurring, Silence, SilenceDraft
from vain.clock import unix, utc
from vain.codec import parse_time
from vain.errors import Flaw, Invalid

DAY = timedelta(days=1)


def silence_of(draft: SilenceDraft, silence_id: int, now: float) -> Silence:
    """The silence that is asked for. Raises Invalid with the pointer."""
    given = [name for name in ("until", "seconds", "recurring") if getattr(draft, name) is not None]
    if len(given) != 1:
        raise _invalid(given[1] if given else "", "Exactly one of until, seconds and recurring is expected.")
    until = None
    if draft.until is not None:
        until = parse_time(draft.until, pointer="/until")
    elif draft.seconds is not None:
        until = utc(now + draft.seconds)
    if until is not None and unix(until) <= now:
        raise _invalid("until", "A time to come is expected.")
    if draft.recurring is not None:
        _zone(draft.recurring)
    return Silence(
        silence_id=silence_id, created_at=utc(now), rules=draft.rules, subject=draft.subject, until=until,
        recurring=draft.recurring, comment=draft.comment,
    )  # fmt: skip


def is_silenced(rule_name: str, subject: str, silences: Iterable[Silence], now: float) -> bool:
    """Whether nobody is to be told of this rule and subject at this moment."""
    return any(_covers(each, rule_name, subject) and is_in_force(each, now) for each in silences)


def is_in_force(silence: Silence, now: float) -> bool:
    """Whether it holds at this moment."""
    if silence.until is not None:
        return unix(silence.created_at) <= now < unix(silence.until)
    return silence.recurring is not None and _is_within(silence.recurring, now)


def is_past(silence: Silence, now: float) -> bool:
    """Whether it will never hold again."""
    return silence.until is not None and now >= unix(silence.until)


def _covers(silence: Silence, rule_name: str, subject: str) -> bool:
    return (silence.rules is None or rule_name in silence.rules) and silence.subject in (None, subject)


def _is_within(window: Recurring, now: float) -> bool:
    """One that began today or yesterday by the clock on the wall; its length is in real seconds."""
    zone = _zone(window)
    today = datetime.fromtimestamp(now, zone).date()
    hour, minute = (int(part) for part in window.start.split(":"))
    for day in (today, today - DAY):
        if day.isoweekday() in window.days:
            start = datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone).astimezone(UTC).timestamp()
            if start <= now < start + window.seconds:
                return True
    return False


def _zone(window: Recurring) -> ZoneInfo:
    try:
        return ZoneInfo(window.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise _invalid("recurring/timezone", "A time zone such as Europe/Berlin or UTC is expected.") from error


def _invalid(field: str, detail: str) -> Invalid:
    return Invalid(f"{field or 'silence'}: {detail}", [Flaw(detail, pointer=f"/{field}" if field else "")])
