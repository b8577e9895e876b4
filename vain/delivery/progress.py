"""How far a channel is, and which notifications go to it. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

from vain.notification import Notification
from vain.types import Level, Time

MOST_TOLD = 1_000
"""So many rules that fire are remembered by a channel; of older ones it does not tell the end."""

_RANKS: dict[Level, int] = {"info": 0, "warning": 1, "error": 2}


class Progress(Struct, frozen=True):
    """What is stored of a channel: everything up to ``position`` was told, or is not for it."""

    position: int
    told: list[int] = []
    """The notifications of rules that were told to fire, and have not been told to be over."""
    tries: int = 0
    """How often the next one was refused."""
    refused_since: Time | None = None
    """Since when nothing was taken."""


class Wanted(Struct, frozen=True):
    """Which notifications a channel gets: from this level on."""

    channel: str
    level: Level

    def sorted_out(
        self, found: Iterable[Notification], progress: Progress, limit: int
    ) -> tuple[list[Notification], Progress]:
        """The first of them that go there, ``limit`` at most, and how far the channel is once it has them.

        The end of a rule, whose level is low, goes where it was told to fire, and nowhere else.
        """
        chosen, position, told = list[Notification](), progress.position, list(progress.told)
        for each in found:
            if self._takes(each, told):
                if len(chosen) == limit:
                    break
                chosen.append(each)
                _remember(each, told)
            if each.kind == "rule.cleared" and each.fired_by in told:
                told.remove(each.fired_by)
            position = each.notification_id
        return chosen, Progress(position, told[-MOST_TOLD:])

    def _takes(self, each: Notification, told: list[int]) -> bool:
        if each.quiet or (each.channels is not None and self.channel not in each.channels):
            return False
        if each.kind == "rule.cleared":
            return each.fired_by in told
        return _RANKS[each.level] >= _RANKS[self.level]


def refused(progress: Progress, now: Time) -> Progress:
    """The same after one more refusal."""
    return replace(progress, tries=progress.tries + 1, refused_since=progress.refused_since or now)


def _remember(each: Notification, told: list[int]) -> None:
    fired_by = {"rule.fired": each.notification_id, "rule.repeated": each.fired_by}.get(each.kind)
    if fired_by is not None and fired_by not in told:
        told.append(fired_by)
