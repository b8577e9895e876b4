"""Which notifications are asked for, and how a list of them is read without drowning in what merely went well."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from vain.notification import Notification
from vain.types import Level

FEWEST_FOLDED = 3
"""Fewer quiet ones in a row are listed as they are."""


class NotificationQuery(Struct, frozen=True):
    """The newest ``limit`` of those for which everything holds that is given."""

    limit: int = 50
    before: int | None = None
    """Only those older than the one of this number."""
    level: Level | None = None
    kind: str | None = None
    """``task.failed``, or ``task`` for all that begin so."""
    quiet: bool | None = None
    read: bool | None = None


NEWEST = NotificationQuery()


class Fold(Struct, frozen=True):
    """Quiet notifications with no other between them, newest first."""

    notifications: tuple[Notification, ...]

    @property
    def name(self) -> int:
        """The number of its oldest: it stays while newer ones join."""
        return self.notifications[-1].notification_id


def selected(notifications: Iterable[Notification], query: NotificationQuery) -> list[Notification]:
    """Of these, newest first, what is asked for."""
    found = [each for each in notifications if _matches(each, query)]
    return found[: query.limit]


def folded(loud: Sequence[Notification], quiet: Sequence[Notification]) -> list[Notification | Fold]:
    """Both as one list, newest first; of the quiet, what stands together is one entry."""
    entries: list[Notification | Fold] = []
    together: list[Notification] = []
    for each in sorted((*loud, *quiet), key=lambda one: -one.notification_id):
        if each.quiet:
            together.append(each)
        else:
            entries += [*_fold(together), each]
            together = []
    return [*entries, *_fold(together)]


def _fold(together: Sequence[Notification]) -> Sequence[Notification | Fold]:
    return together if len(together) < FEWEST_FOLDED else [Fold(tuple(together))]


def _matches(each: Notification, query: NotificationQuery) -> bool:
    return (
        (query.before is None or each.notification_id < query.before)
        and query.level in (None, each.level)
        and (query.kind is None or each.kind == query.kind or each.kind.startswith(f"{query.kind}."))
        and query.quiet in (None, each.quiet)
        and query.read in (None, each.read)
    )
