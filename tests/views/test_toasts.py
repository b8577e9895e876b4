"""Which notifications become toasts."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from tests.views import moving
from vain.notification import Notification
from vain.views.live import Live
from vain.views.toasts import Toasts


def note(number: int, level: Any = "error", **fields: Any) -> Notification:
    return Notification(number, "2026-11-23T03:06:00.123Z", "task.failed", level, f"note {number}", **fields)


def told(*looks: list[Notification], known: int | None = None) -> list[list[int]]:
    """What is told at each look; ``known``: the page says that it was told so much before."""

    async def main() -> list[list[int]]:
        source = moving.MovingSource(rows=1)
        source.notices = looks[0]
        messages: list[list[int]] = []
        toasts = Toasts(Live(source, "read"))
        toasts._list.tell = lambda message: messages.append([each["id"] for each in message["told"]])  # type: ignore[method-assign]
        await asyncio.sleep(0.02)
        assert messages == [], "the page does not stand yet"
        toasts.receive({"newest": known})
        for look in looks[1:]:
            source.notices, source.seq = look, source.seq + 1
            toasts._follow()
            await asyncio.sleep(0.02)
        return messages

    return asyncio.run(main())


def test_what_is_older_than_the_page_is_not_told() -> None:
    assert told([note(2), note(1)], [note(3), note(2), note(1)]) == [[], [3]]


def test_all_is_told_but_what_is_quiet() -> None:
    after = [note(5, "warning"), note(4, "info"), note(3, quiet=True), note(2)]
    assert told([note(1)], after) == [[], [5, 4, 2]]


def test_a_page_that_heals_goes_on_where_it_was() -> None:
    assert told([note(4), note(3), note(2)], known=2) == [[4, 3]]


def test_what_was_told_is_not_told_again() -> None:
    assert told([note(1)], [note(2), note(1)], [note(2), replace(note(1), read=True)]) == [[], [2]]


def test_a_page_that_nobody_looks_at_is_told_if_it_says_so_until_it_ends() -> None:
    async def main() -> None:
        source = moving.MovingSource(rows=1)
        source.notices = [note(1)]
        live = Live(source, "read").start()
        messages: list[list[int]] = []
        toasts = Toasts(live)
        toasts._list.tell = lambda message: messages.append([each["id"] for each in message["told"]])  # type: ignore[method-assign]
        toasts.receive({"newest": None})
        await asyncio.sleep(0.02)
        live.attend(False)
        assert source.subscribers == []

        async def comes(*numbers: int) -> None:
            source.notices, source.seq = [note(number) for number in numbers], source.seq + 1
            source.advance(1_800_000_000.0 + source.seq)
            await asyncio.sleep(0.02)

        await comes(2, 1)
        assert messages == [[]], "nobody looks, and nobody asked"
        ticks = live.tick
        toasts.receive({"awake": True})
        await comes(3, 2, 1)
        assert (messages, live.tick) == ([[], [3, 2]], ticks), "told, and not a tick for it"
        toasts.receive({"awake": False})
        assert source.subscribers == []
        toasts.receive({"awake": True})
        live.attend(True)
        await comes(4, 3, 2, 1)
        assert messages[2:] == [[4]] and live.tick > ticks
        live.attend(False)
        live.stop()
        assert source.subscribers == []
        toasts.receive({"awake": True})
        assert source.subscribers == [], "the session has ended"

    asyncio.run(main())


@pytest.mark.parametrize(
    "message", [None, 3, {"awake": 1}, {"awake": None}, {"newest": "x"}, {"newest": -1}, {"newest": 1, "more": 2}]
)
def test_nonsense_of_a_browser_does_nothing(message: Any) -> None:
    async def main() -> int | None:
        source = moving.MovingSource(rows=1)
        source.notices = [note(7)]
        toasts = Toasts(Live(source, "read"))
        await asyncio.sleep(0.02)
        toasts.receive({"newest": None})
        toasts.receive(message)
        return toasts._newest

    assert asyncio.run(main()) == 7
