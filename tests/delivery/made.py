"""Notifications and parcels to send."""

from __future__ import annotations

from typing import Any

from vain.delivery.sending import Parcel
from vain.delivery.wording import Voice
from vain.notification import Notification

NOW = "2026-01-01T12:00:00.000Z"
VOICE = Voice("alpha", "http://alpha:5006")


def notification(number: int = 1, **fields: Any) -> Notification:
    given = {"timestamp": NOW, "kind": "task.failed", "level": "error", "title": f"job {number} failed"} | fields
    return Notification(notification_id=number, **given)


def parcel(*notifications: Notification, tries: int = 0, chart: bytes | None = None) -> Parcel:
    those = notifications or (notification(),)
    return Parcel(those, VOICE.message(those), VOICE.link(those[0]), chart, tries)
