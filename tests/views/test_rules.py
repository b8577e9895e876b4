"""What fires, the table of rules and the trial of one, as a session reads and changes them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import pytest
from msgspec import json, to_builtins

from tests.views import moving
from vain.alerting.alert import Alert, Firing
from vain.alerting.rule import DEFAULT_RULES, Rule
from vain.clock import utc
from vain.errors import Conflict
from vain.rulebook import Owned
from vain.views.firing_now import FiringNow
from vain.views.live import Live
from vain.views.rule_trial import tried_of
from vain.views.rules import Rules
from vain.views.settings import watching
from vain.views.watched import Watched

ALERT = Alert(
    rule="cpu-busy", subject="cpu.percent", level="warning", since=utc(1_000.0), fired_at=utc(1_300.0),
    notification_id=7, value=97.0, threshold=95.0, peak=98.0,
)  # fmt: skip


class Page(NamedTuple):
    """The parts of the page over one source."""

    source: moving.MovingSource
    fires: FiringNow
    rules: Rules

    def firing(self) -> list[str]:
        return [each["rule"] for each in self.fires._list.shown["alerts"]]

    def names(self) -> dict[str, bool]:
        return {each["rule"]["name"]: each["rule"]["enabled"] for each in self.rules._table.shown["rules"]}

    def ask(self, number: int, **what: Any) -> None:
        self.rules.receive({"change": {"request": number, **what}})


def opened(work: Callable[[Page], Awaitable[Any]], role: str = "admin") -> Any:
    """What ``work`` gives over a page that has read the rules."""

    async def main() -> Any:
        source = moving.MovingSource(rows=1)
        source.alerts = [ALERT]
        watched = Watched(Live(source, role))
        page = Page(source, FiringNow(watched), Rules(watched))
        await settled()
        return await work(page)

    return asyncio.run(main())


async def settled() -> None:
    await asyncio.sleep(0.05)


NEW = to_builtins(Rule(name="new", metric="cpu.percent", above=50))


def test_what_fires_and_every_rule_is_shown() -> None:
    async def work(page: Page) -> object:
        (alert,) = page.fires._list.shown["alerts"]
        assert (alert["title"], alert["about"], alert["notification_id"]) == ("CPU is busy", "CPU", 7)
        assert alert["words"].endswith("at worst 98 %")
        return page.names()

    assert opened(work) == {rule.name: True for rule in DEFAULT_RULES}


def test_an_admin_makes_switches_and_deletes_rules() -> None:
    async def work(page: Page) -> list[dict[str, bool]]:
        seen = []
        for number, what in enumerate(
            ({"put": {"rule": NEW, "is_new": True}}, {"switch": {"name": "new", "enabled": False}}, {"drop": "new"}), 1
        ):
            page.ask(number, **what)
            await settled()
            assert page.rules._table.answer == {"request": number, "detail": "", "flaws": []}
            seen.append({name: on for name, on in page.names().items() if name == "new"})
        return seen

    assert opened(work) == [{"new": True}, {"new": False}, {}]


@pytest.mark.parametrize("role", ["read", "write"])
def test_nobody_else_changes_a_rule(role: str) -> None:
    async def work(page: Page) -> tuple[bool, dict[str, bool]]:
        page.ask(1, put={"rule": NEW})
        page.ask(2, switch={"name": "cpu-busy", "enabled": False})
        page.ask(3, drop="cpu-busy")
        await settled()
        return page.rules._table.may_change, {
            owned.rule.name: owned.rule.enabled for owned in page.source.owned.values()
        }

    assert opened(work, role) == (False, {rule.name: True for rule in DEFAULT_RULES})


@pytest.mark.parametrize(("role", "is_done"), [("read", False), ("write", True), ("admin", True)])
def test_whoever_may_write_acknowledges_and_silences(role: str, is_done: bool) -> None:
    async def work(page: Page) -> tuple[bool, int]:
        page.fires.receive({"acknowledge": 7})
        page.fires.receive({"silence": {"rule": "cpu-busy", "subject": "cpu.percent", "seconds": 3_600}})
        await settled()
        return page.source.alerts[0].acknowledged_at is not None, len(page.source.silenced)

    assert opened(work, role) == (is_done, int(is_done))


def test_what_is_wrong_is_told_with_its_field() -> None:
    async def work(page: Page) -> None:
        page.ask(1, put={"rule": {**NEW, "clear": 60}})
        await settled()
        answer = page.rules._table.answer
        assert answer["request"] == 1 and [flaw["field"] for flaw in answer["flaws"]] == ["clear"]
        page.ask(2, put={"rule": {**NEW, "above": "much"}})
        assert [flaw["field"] for flaw in page.rules._table.answer["flaws"]] == ["above"]
        page.ask(3, put={"rule": {**NEW, "name": "cpu-busy"}, "is_new": True})
        await settled()
        assert [flaw["field"] for flaw in page.rules._table.answer["flaws"]] == ["name"]
        page.ask(4, switch={"name": "nowhere", "enabled": True})
        await settled()
        assert "nowhere" in page.rules._table.answer["detail"]

    opened(work)


def test_a_rule_of_the_file_is_refused_with_the_reason() -> None:
    async def work(page: Page) -> str:
        rule = Rule(name="of-the-file", metric="cpu.percent", above=50)
        page.source.owned[rule.name] = Owned(rule, "file")
        page.ask(1, drop="of-the-file")
        await settled()
        with pytest.raises(Conflict):
            await page.source.drop_rule("of-the-file")
        return str(page.rules._table.answer["detail"])

    assert "administrator's file" in opened(work)


@pytest.mark.parametrize(
    "message",
    [None, 7, "x", [], {}, {"change": None}, {"change": {"request": -1}}, {"look": {"request": 1, "seconds": 1e99}},
     {"try": {"request": 1}}, {"try": {"request": 1, "rule": 3, "after": 0, "before": 1}},
     {"change": {"request": True}}],
)  # fmt: skip
def test_nonsense_of_a_browser_does_nothing(message: Any) -> None:
    async def work(page: Page) -> bool:
        page.rules.receive(message)
        page.fires.receive(message)
        await settled()
        return page.names() == {rule.name: True for rule in DEFAULT_RULES} and page.firing() == ["cpu-busy"]

    assert opened(work)


def test_of_many_wishes_the_first_and_the_newest_are_answered() -> None:
    async def work(page: Page) -> list[int]:
        page.source.delay_seconds = 0.02
        answered: list[int] = []
        page.rules._table.param.watch(lambda event: answered.append(json.decode(event.new)["request"]), "tried")
        for number in range(1, 20):
            sent = {"request": number, "rule": NEW, "after": 1_000.0, "before": 2_000.0}
            page.rules.receive({"try": sent})
        await asyncio.sleep(0.3)
        return answered

    assert opened(work) == [1, 19]


def test_the_times_it_would_have_fired_are_counted_and_the_newest_shaded() -> None:
    firings = [Firing("r", "cpu.percent", at, at + 10, at + 40, 99.0) for at in (0.0, 100.0)]
    firings.append(Firing("r", "cpu.percent", 200, 210, None, 99.0))
    told = tried_of(firings, 1.0, 300.0)
    assert (told["count"], told["seconds"]) == (3, 30 + 30 + 90)
    assert told["firings"][-1] == {"subject": "CPU", "since": 200, "fired_at": 210, "until": 300.0}


def test_settings_name_the_rules_that_are_on() -> None:
    shown = watching([DEFAULT_RULES[0], Rule(name="off", metric="cpu.percent", above=1, enabled=False)])
    assert [(meter.label, meter.value) for meter in shown] == [("CPU is busy", "CPU above 95 % for 5 min")]
