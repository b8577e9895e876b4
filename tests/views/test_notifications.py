"""The list of notifications and the bell."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from tests.views import moving
from vain.types import Notification
from vain.views.live import Live
from vain.views.notifications import SHOWN, Notifications, plain, unread


def notification(number: int, read: bool = False) -> Notification:
    return Notification(number, "2026-11-23T03:06:00.123Z", "rule.fired", "warning", "<b>CPU</b>", read=read)


@pytest.mark.parametrize(("numbers", "text"), [(0, ""), (3, "3"), (SHOWN, "50+")])
def test_the_bell_counts_what_nobody_read(numbers: int, text: str) -> None:
    assert unread([notification(number) for number in range(numbers)] + [notification(99, read=True)]) == text


def test_the_browser_gets_the_words_as_they_are() -> None:
    assert plain(notification(7))["title"] == "<b>CPU</b>"


def mark(role: str, asked: object) -> list[bool]:
    async def main() -> list[bool]:
        source = moving.MovingSource(rows=1)
        source.notices = [notification(2), notification(1)]
        shown = Notifications(Live(source, role))
        await asyncio.sleep(0.01)
        shown._marked(SimpleNamespace(data=asked))
        await asyncio.sleep(0.01)
        return [each.read for each in source.notices]

    return asyncio.run(main())


def test_a_writer_can_mark_one_as_read() -> None:
    assert mark("write", {"read": [2]}) == [True, False]


def test_a_reader_cannot_even_if_its_browser_asks() -> None:
    assert mark("read", {"read": [1, 2]}) == [False, False]


@pytest.mark.parametrize("nonsense", [None, "read", {}, {"read": "all"}, {"read": [17, "x", None, {}]}])
def test_nonsense_from_a_browser_changes_nothing(nonsense: object) -> None:
    assert mark("admin", nonsense) == [False, False]
