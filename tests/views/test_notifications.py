"""The list of notifications and the bell."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from msgspec import structs

from tests.views import moving
from vain.clock import unix
from vain.notification import Notification
from vain.views import notifications as notifications_module
from vain.views.bell import MOST, Bell, is_urgent, told
from vain.views.live import Live
from vain.views.notice_words import moment_address, plain
from vain.views.notifications import Notifications


def notification(number: int, read: bool = False) -> Notification:
    return Notification(number, "2026-11-23T03:06:00.123Z", "rule.fired", "warning", "<b>CPU</b>", read=read)


def ended(number: int, name: str = "sync") -> Notification:
    return Notification(number, "2026-11-23T03:06:00.123Z", "task.completed", "info", f"{name} completed", quiet=True)


@pytest.mark.parametrize(("numbers", "text"), [(0, ""), (3, "3"), (MOST, "50+")])
def test_the_bell_says_how_many_wait(numbers: int, text: str) -> None:
    assert told([notification(number) for number in range(numbers)]) == text


def test_what_merely_ended_is_no_alarm() -> None:
    done = structs.replace(notification(1), level="info")
    assert not is_urgent([done])
    assert is_urgent([done, notification(3)])


def test_the_bell_counts_a_failure_behind_any_number_of_successes() -> None:
    async def main() -> tuple[str, bool]:
        source = moving.MovingSource(rows=1)
        source.notices = [*(ended(number) for number in range(300, 2, -1)), notification(2), notification(1, read=True)]
        bell = Bell(Live(source))
        await asyncio.sleep(0.01)
        return bell._count.text, bell._count.is_urgent

    assert asyncio.run(main()) == ("1", True)


def test_the_browser_gets_the_words_as_they_are() -> None:
    assert plain(notification(7))["title"] == "<b>CPU</b>"


def asked(address: str) -> dict[str, float]:
    parts = urlsplit(address)
    assert parts.path == "./"
    return {name: float(values[0]) for name, values in parse_qs(parts.query).items()}


def test_an_alert_leads_to_the_time_that_its_rule_waited_through() -> None:
    fired = structs.replace(
        notification(7), metric="cpu.percent", value=97.31, threshold=95.0, since="2026-11-23T03:01:00.123Z"
    )
    shown, at = asked(moment_address(fired)), round(unix(fired.timestamp))
    assert (shown["to"], shown["to"] - shown["from"]) == (at, 300)
    assert shown["after"] < shown["from"] < shown["to"] < shown["before"]
    told = plain(fired)
    assert (told["value"], told["threshold"]) == ("97.3 %", "95 %")


def test_what_no_rule_fired_leads_to_the_minute_before_it() -> None:
    ended = structs.replace(notification(7), kind="task.failed", task_id=3)
    shown = asked(moment_address(ended))
    assert shown["to"] - shown["from"] == 60
    told = plain(ended)
    assert (told["value"], told["threshold"], told["task_id"]) == ("", "", 3)


Work = Callable[[Notifications, moving.MovingSource], Awaitable[Any]]


def listed(notices: list[Notification], work: Work, role: str = "admin") -> Any:
    """What ``work`` gives, over a page that has read these."""

    async def main() -> Any:
        source = moving.MovingSource(rows=1)
        source.notices = notices
        shown = Notifications(Live(source, role))
        await asyncio.sleep(0.01)
        return await work(shown, source)

    return asyncio.run(main())


def shape(shown: Notifications) -> list[object]:
    return [each["text"] if "fold" in each else each["notification_id"] for each in shown._list.shown["entries"]]


def test_many_successes_are_one_line_and_a_failure_is_seen() -> None:
    async def work(shown: Notifications, _source: object) -> list[object]:
        return shape(shown)

    notices = [*(ended(number) for number in range(400, 100, -1)), notification(100), ended(3, "a"), ended(2, "b")]
    assert listed(notices, work) == ["sync completed, 300 times", 100, 3, 2]
    other = [structs.replace(ended(401, "c"), kind="task.skipped"), *notices]
    assert listed(other, work)[0] == "301 tasks completed or skipped"
    failed = structs.replace(ended(402, "d"), kind="task.failed", title="d failed")
    assert listed([failed, *other], work)[0] == "301 tasks completed or skipped, 1 told by rules, or in silence"


def test_a_fold_opens_part_by_part_and_stays_open_while_it_grows() -> None:
    async def work(shown: Notifications, source: moving.MovingSource) -> list[tuple[int, int]]:
        seen = []
        for opened in (50, 100, 0):
            shown.receive({"open": {"fold": 1, "opened": opened}})
            if opened == 50:
                source.notices.insert(0, ended(121))
                shown._renew()
                await asyncio.sleep(0.01)
            (fold,) = shown._list.shown["entries"]
            seen.append((len(fold["items"]), fold["left"]))
        return seen

    assert listed([ended(number) for number in range(120, 0, -1)], work) == [(50, 71), (100, 21), (0, 121)]


def every_page(shown: Notifications, numbers: list[int]) -> None:
    for each in shown._page.entries:
        numbers += [one.notification_id for one in getattr(each, "notifications", [each])]


@pytest.mark.parametrize(("most_listed", "most_folded"), [(3, 50), (50, 4), (2, 2)])
def test_page_after_page_everything_comes_once(
    most_listed: int, most_folded: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifications_module, "LISTED", most_listed)
    monkeypatch.setattr(notifications_module, "FOLDED", most_folded)
    notices = [notification(number) if number % 7 in (0, 1) else ended(number) for number in range(30, 0, -1)]

    async def work(shown: Notifications, _source: object) -> list[int]:
        numbers: list[int] = []
        every_page(shown, numbers)
        while shown._page.older is not None:
            shown.receive({"wish": {"before": shown._page.older, "request": 1}})
            await asyncio.sleep(0.01)
            every_page(shown, numbers)
        return numbers

    assert listed(notices, work) == list(range(30, 0, -1))


def test_the_unread_alone_are_without_what_is_quiet() -> None:
    async def work(shown: Notifications, _source: object) -> list[list[object]]:
        found = []
        for wish in ({"unread": True}, {"level": "info"}, {"about": "rule"}):
            shown.receive({"wish": wish})
            await asyncio.sleep(0.01)
            found.append(shape(shown))
        return found

    notices = [ended(5), notification(4), notification(3, read=True), structs.replace(notification(2), level="info")]
    assert listed(notices, work) == [[4, 2], [5, 2], [4, 3, 2]]


def test_what_goes_wrong_is_told_and_the_next_look_mends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(shown: Notifications, source: moving.MovingSource) -> tuple[str, list[object], str]:
        with monkeypatch.context() as broken:
            broken.setattr(source, "notifications", None)
            shown._renew()
            await asyncio.sleep(0.01)
        trouble = shown._list.shown["trouble"]
        shown._renew()
        await asyncio.sleep(0.01)
        return trouble, shape(shown), shown._list.shown["trouble"]

    trouble, entries, none = listed([notification(1)], work)
    assert trouble and (entries, none) == ([1], "")


def mark(role: str, asked: object) -> list[bool]:
    async def work(shown: Notifications, source: moving.MovingSource) -> list[bool]:
        shown.receive(asked)
        await asyncio.sleep(0.01)
        return [each.read for each in source.notices]

    found: list[bool] = listed([notification(2), notification(1)], work, role)
    return found


def test_a_writer_can_mark_one_as_read() -> None:
    assert mark("write", {"read": [2]}) == [True, False]


def test_a_reader_cannot_even_if_its_browser_asks() -> None:
    assert mark("read", {"read": [1, 2]}) == [False, False]


@pytest.mark.parametrize("nonsense", [
    None, "read", {}, {"read": "all"}, {"read": [17, "x", None, {}]}, {"wish": {"before": 0}}, {"wish": [1]},
    {"wish": {"level": "fatal"}}, {"wish": {"limit": 9}}, {"open": {"fold": "1", "opened": 1}}, {"open": None},
])  # fmt: skip
def test_nonsense_from_a_browser_changes_nothing(nonsense: object) -> None:
    assert mark("admin", nonsense) == [False, False]
