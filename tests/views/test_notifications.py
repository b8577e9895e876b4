"""The list of notifications and the bell."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import pytest
from msgspec import structs

from tests.views import moving
from vain.alerts import DEFAULT_RULES
from vain.clock import unix
from vain.types import Notification
from vain.views.live import Live
from vain.views.notifications import SHOWN, Notifications, is_urgent, moment_address, plain, rule_words, unread


def notification(number: int, read: bool = False) -> Notification:
    return Notification(number, "2026-11-23T03:06:00.123Z", "rule.fired", "warning", "<b>CPU</b>", read=read)


@pytest.mark.parametrize(("numbers", "text"), [(0, ""), (3, "3"), (SHOWN, "50+")])
def test_the_bell_counts_what_nobody_read(numbers: int, text: str) -> None:
    assert unread([notification(number) for number in range(numbers)] + [notification(99, read=True)]) == text


def test_what_merely_ended_is_no_alarm() -> None:
    ended = structs.replace(notification(1), level="info")
    assert not is_urgent([ended, notification(2, read=True)])
    assert is_urgent([ended, notification(3)])


def test_the_browser_gets_the_words_as_they_are() -> None:
    assert plain(notification(7))["title"] == "<b>CPU</b>"


def asked(address: str) -> dict[str, float]:
    parts = urlsplit(address)
    assert parts.path == "/"
    return {name: float(values[0]) for name, values in parse_qs(parts.query).items()}


def test_an_alert_leads_to_the_time_that_its_rule_waited_through() -> None:
    fired = structs.replace(notification(7), metric="cpu.percent", value=97.31, threshold=95.0)
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


def test_the_rules_are_told_in_words() -> None:
    assert [rule_words(rule) for rule in DEFAULT_RULES[:2]] == [
        "CPU is busy: CPU above 95 % for 5 min",
        "Memory is running out: Memory above 92 % for 1 min",
    ]


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
