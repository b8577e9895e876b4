"""The page of all hosts, and pages of one of them: what is sent, and from where it comes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from tests.views.made_machines import agent
from tests.views.moving import MovingSource
from vain.alerting.alert import PastFiring
from vain.clock import utc
from vain.hosts import Host
from vain.lanes import Lanes
from vain.notification import Notification
from vain.types import TaskDraft, TaskPatch, TaskSource
from vain.views import address, fleet_heat, page
from vain.views.cards import Cards
from vain.views.fired import of_host
from vain.views.fleet import FleetTable, rows_of
from vain.views.fleet_heat import Choice, FleetHeat, pause_of, query_of
from vain.views.fleet_rows import by_name, changes, row_of
from vain.views.host_choice import READ_SECONDS, HostChoice, told
from vain.views.live import Live
from vain.views.machine_heat import CoreHeat
from vain.views.notice_words import moment_address
from vain.views.task_reads import measured, place_of
from vain.views.timeline import Timeline
from vain.views.tracks import tracks

AT = 1_800_000_000.0


def fleet(*hosts: Host) -> MovingSource:
    source = MovingSource(rows=3, until=AT)
    source.others = {host.name: host for host in hosts}
    return source


def run(story: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await story()

    asyncio.run(main())


class Desk:
    """A session with the table of hosts, whose clock is set by hand."""

    def __init__(self, source: MovingSource) -> None:
        self.source, self.now = source, 100.0
        self.live = Live(source).start()
        self.table = FleetTable(self.live, lambda: self.now)
        self.messages: list[dict[str, Any]] = []
        rows = self.table._rows
        rows.tell = lambda message: self.messages.append(json.loads(message["told"]))  # type: ignore[method-assign]

    async def stands(self) -> None:
        self.table.receive({"ready": True})
        await asyncio.sleep(0.01)

    async def ticks(self, seconds: float = 1.0) -> None:
        self.now += seconds
        self.source.advance(AT + self.now)
        await asyncio.sleep(0.01)

    @property
    def names(self) -> list[list[str]]:
        return [[row[0] for row in message["rows"]] for message in self.messages]


def test_unknown_is_none_and_a_small_skew_is_not_told() -> None:
    calm = row_of(agent("a", AT, clock_skew_seconds=0.4))
    assert (calm.skew, calm.is_silent, calm.version) == (None, False, "0.1.0")
    assert row_of(agent("a", AT, clock_skew_seconds=-2.44)).skew == -2.4
    silent = row_of(agent("a", AT, silent=True))
    assert (silent.cpu, silent.memory, silent.received, silent.is_silent) == (None, None, None, True)
    assert silent.seen == AT - 200


def test_the_state_of_a_figure_is_that_of_our_rules() -> None:
    busy = agent("a", AT)
    assert busy.now is not None
    assert row_of(replace(busy, now=replace(busy.now, disk_usage=99.0))).looks == ("", "", "c")


def test_only_rows_that_changed_are_told() -> None:
    before = by_name([agent("a", AT), agent("b", AT), agent("c", AT)])
    again = by_name([agent("a", AT + 1), agent("b", AT)])
    found = changes(before, again)
    assert ([row.name for row in found["rows"]], found["gone"]) == (["a"], ["c"])
    assert changes(before, before) == {}


def test_that_a_host_still_speaks_is_told_now_and_then() -> None:
    host = agent("a", AT)
    before = by_name([host])
    assert changes(before, by_name([replace(host, last_seen_at=utc(AT + 2))])) == {}
    assert changes(before, by_name([replace(host, last_seen_at=utc(AT + 11))]))["rows"]


def test_a_page_gets_all_rows_when_it_stands_and_then_what_changed() -> None:
    async def story() -> None:
        desk = Desk(fleet(agent("a", AT), agent("b", AT)))
        await desk.ticks()
        assert desk.messages == [], "what is sent before the page stands is lost"
        await desk.stands()
        desk.source.others["b"] = agent("b", AT + 9)
        await desk.ticks()
        assert desk.names[0] == ["kestrel", "a", "b"]
        assert set(desk.names[1]) == {"kestrel", "b"}
        del desk.source.others["a"]
        await desk.ticks()
        assert desk.messages[-1]["gone"] == ["a"]

    run(story)


def test_nothing_is_sent_while_nothing_changes_and_nothing_is_read_between_ticks() -> None:
    async def story() -> None:
        desk = Desk(fleet(agent("a", AT)))
        await desk.stands()
        read = desk.source.hosts_read
        for _ in range(3):
            desk.source.tell()
            await asyncio.sleep(0.01)
        assert desk.source.hosts_read == read
        desk.now += 1
        desk.source.tell()
        await asyncio.sleep(0.3)
        assert (len(desk.messages), desk.source.hosts_read) == (1, read + 1)

    run(story)


def test_a_page_that_is_drawn_again_gets_all_rows_again() -> None:
    async def story() -> None:
        desk = Desk(fleet(agent("a", AT)))
        await desk.stands()
        await desk.stands()
        assert desk.names == [["kestrel", "a"], ["kestrel", "a"]]

    run(story)


def test_pages_share_what_is_worked_out_in_a_second() -> None:
    async def story() -> None:
        source = fleet(agent("a", AT))
        first, second, later = [await rows_of(source, now) for now in (7.0, 7.9, 8.0)]
        assert first is second and first is not later
        assert source.hosts_read == 2

    run(story)


def test_of_many_hosts_the_figures_come_less_often() -> None:
    async def story() -> None:
        desk = Desk(fleet(*(agent(f"n{number}", AT) for number in range(1_000))))
        await desk.stands()
        read = desk.source.hosts_read
        for _ in range(4):
            await desk.ticks()
        assert desk.source.hosts_read == read
        await desk.ticks(2)
        assert desk.source.hosts_read == read + 1

    run(story)


@pytest.mark.parametrize("message", [None, 3, "ready", {"ready": 1}, {"ready": False}, {"more": True}])
def test_nonsense_of_a_browser_asks_for_nothing(message: Any) -> None:
    async def story() -> None:
        desk = Desk(fleet())
        desk.table.receive(message)
        await desk.ticks()
        assert desk.messages == []

    run(story)


def test_a_question_is_in_whole_steps_and_shared_until_the_next() -> None:
    first, second = (query_of(Choice("disk", 86_400), AT + late) for late in (61, 300))
    assert first == second
    assert (first.metric, first.top) == ("disk.percent", 200)
    assert first.before >= AT + 61 and first.before - first.after >= 86_400
    for choice in (Choice("cpu", seconds) for seconds in fleet_heat.SPANS):
        asked = query_of(choice, AT + 61)
        assert (asked.before - asked.after) / asked.points == pytest.approx(
            fleet_heat.step_for(asked.after, asked.before, asked.points)
        )


def test_strips_come_worst_first_and_what_the_browser_chooses_is_read() -> None:
    async def story() -> None:
        source = fleet(agent("a", AT), agent("b", AT))
        heat = FleetHeat(Live(source), lambda: AT)
        await asyncio.sleep(0.02)
        shown = json.loads(heat._control.shown)
        means = [sum(filter(None, values)) / len(values) for _, values in shown["hosts"]]
        assert len(shown["hosts"]) == 3 and means == sorted(means, reverse=True)
        assert (shown["metric"], shown["seconds"], shown["server"]) == ("cpu", 3_600, "kestrel")
        assert all(isinstance(value, int) for value in shown["usual"][0][1])
        heat.receive({"metric": "load", "seconds": 86_400})
        await asyncio.sleep(0.02)
        assert source.hosts_asked[-1].metric == "load.1m"
        assert json.loads(heat._control.shown)["seconds"] == 86_400

    run(story)


@pytest.mark.parametrize(
    "message",
    [
        None,
        [],
        {"metric": "cpu.percent"},
        {"metric": "cpu", "seconds": 5},
        {"seconds": "x"},
        {"more": 1},
        {"until": -1},
        {"until": 1e300},
    ],
)
def test_a_metric_or_a_time_that_is_not_offered_is_not_read(message: Any) -> None:
    async def story() -> None:
        source = fleet()
        heat = FleetHeat(Live(source), lambda: AT)
        await asyncio.sleep(0.02)
        heat.receive(message)
        await asyncio.sleep(0.02)
        assert len(source.hosts_asked) == 1

    run(story)


def test_strips_are_read_again_when_a_step_has_passed() -> None:
    async def story() -> None:
        source, now = fleet(agent("a", AT)), [AT]
        live = Live(source).start()
        FleetHeat(live, lambda: now[0])
        for seconds in (0, 1, 15, 20):
            now[0] += seconds
            source.advance(now[0])
            await asyncio.sleep(0.02)
        assert len(source.hosts_asked) == 2
        found = await source.hosts_history(source.hosts_asked[-1])
        assert pause_of(found) < pause_of(replace(found, count=5_000))

    run(story)


def test_a_read_that_fails_is_told_and_the_next_one_heals() -> None:
    async def story() -> None:
        source = fleet()
        good = source.hosts_history

        async def fails(_query: Any) -> Any:
            raise RuntimeError("disk")

        source.hosts_history = fails  # type: ignore[method-assign]
        heat = FleetHeat(Live(source), lambda: AT)
        await asyncio.sleep(0.02)
        assert "went wrong" in heat._control.trouble
        source.hosts_history = good  # type: ignore[method-assign]
        heat.receive({"metric": "gpu", "seconds": 3_600})
        await asyncio.sleep(0.02)
        assert heat._control.trouble == "" and heat._control.shown

    run(story)


def test_the_header_is_told_who_there_is_and_whether_the_shown_one_is_silent() -> None:
    own = Host("kestrel", "server", False, utc(AT))
    known = told([own, agent("a", AT), agent("b", AT, silent=True)], "b")
    assert known == {
        "own": "kestrel", "shown": "b", "names": ["kestrel", "a", "b"], "silent": ["b"], "silent_since": AT - 200,
    }  # fmt: skip
    assert (told([own], "")["shown"], told([own], "")["silent_since"]) == ("kestrel", None)


def test_the_header_asks_now_and_then() -> None:
    async def story() -> None:
        source, now = fleet(agent("a", AT)), [0.0]
        live = Live(source).start()
        HostChoice(live, lambda: now[0])
        for seconds in (1, 1, READ_SECONDS):
            now[0] += seconds
            source.advance(AT + now[0])
            await asyncio.sleep(0.02)
        assert source.hosts_read == 2

    run(story)


def test_a_timeline_of_a_host_asks_for_its_own_tasks() -> None:
    async def story() -> None:
        source = fleet(agent("a", AT))
        of_all, of_a = Live(source), Live(source.of("a"), elsewhere="a")
        assert Timeline(tracks(of_all)).query().host is None
        assert Timeline(tracks(of_a)).query().host == "a"
        assert of_a.sample is not None and of_a.sample.host == "a"

    run(story)


def test_a_timeline_shows_what_fired_on_its_machine() -> None:
    def fired(metric: str | None, task_id: int | None, host: str | None = None) -> PastFiring:
        return PastFiring("r", "t", "error", metric, task_id, utc(AT), utc(AT), None, 1, host)

    bars: Any = [SimpleNamespace(task_id=7)]
    lanes = Lanes(AT, AT + 1, 0, bars, 0, 0, None, 1, AT)
    own, theirs, drawn, other = (
        fired("cpu.percent", None),
        fired("cpu.percent", None, "a"),
        fired(None, 7),
        fired(None, 8),
    )
    assert of_host([own, theirs, drawn, other], lanes, "a") == [theirs, drawn]
    assert of_host([own, theirs, drawn, other], lanes, None) == [own, drawn, other]


def test_a_notification_of_another_host_leads_to_its_timeline() -> None:
    told_of = Notification(1, utc(AT), "rule.fired", "error", "CPU", host="a")
    assert moment_address(told_of).startswith("./?host=a&after=")
    assert moment_address(replace(told_of, host=None)).startswith("./?after=")


def test_a_task_of_another_host_is_measured_there() -> None:
    async def story() -> None:
        source = fleet(agent("a", AT))
        drafts = [TaskDraft(name="job", source=TaskSource(host=host)) for host in ("a", "kestrel", "stranger")]
        for draft in drafts:
            task = await source.create(draft)
            task = await source.update(task.task_id, TaskPatch(status="in-progress"))
            assert await measured(source, task, AT) is not None
        assert [query.host for query in source.queries] == ["a", "", ""]
        cores = [place_of(await source.hosts(), task, source) for task in source.tasks.values()]
        assert [each and each.now and each.now.cores_logical for each in cores] == [4, 4, None]

    run(story)


def test_lines_are_whole_once_a_history_is_read_that_was_not_there_yet() -> None:
    async def story() -> None:
        source = MovingSource(rows=0)
        live = Live(source).start()
        cards, heat = Cards(live), CoreHeat(live)
        for back in range(50, 0, -1):
            source.append(AT - back)
        source.advance(AT)
        await asyncio.sleep(0.02)
        assert len(cards.__panel__().past[0]) == 51  # type: ignore[attr-defined]
        assert len(heat.__panel__().frame["past"][0]) == 51  # type: ignore[attr-defined]

    run(story)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[bytes]]:
    """The arguments of the page that is being built."""
    arguments: dict[str, list[bytes]] = {}
    context = SimpleNamespace(request=SimpleNamespace(arguments=arguments))
    state = SimpleNamespace(curdoc=SimpleNamespace(session_context=context))
    monkeypatch.setattr(address, "pn", SimpleNamespace(state=state))
    return arguments


def live_of(source: MovingSource, of_any_host: bool = True) -> Live:
    async def main() -> Live:
        live = page.open_live(of_any_host)
        live.stop()
        return live

    page.source.use(source)
    try:
        return asyncio.run(main())
    finally:
        page.source.use(None)


def test_the_address_names_the_machine(opened: dict[str, list[bytes]]) -> None:
    source = fleet(agent("a", AT))
    opened["host"] = [b"a"]
    assert (live_of(source).elsewhere, live_of(source).source.host) == ("a", "a")
    assert (live_of(source, of_any_host=False).elsewhere, live_of(source, of_any_host=False).source) == ("", source)
    opened["host"] = [b"kestrel"]
    assert (live_of(source).elsewhere, live_of(source).source) == ("", source)


@pytest.mark.parametrize("typed", [b"nobody", b"<script>", b"\xff", b"a" * 400])
def test_a_machine_that_nobody_knows_is_said_to_be_unknown(opened: dict[str, list[bytes]], typed: bytes) -> None:
    opened["host"] = [typed]
    live = live_of(fleet(agent("a", AT)))
    assert (live.unknown_host, live.elsewhere) == (typed.decode("utf-8", "replace"), "")


@pytest.mark.parametrize(("typed", "metric", "seconds"), [("x", "cpu", 3_600), ("disk", "disk", 86_400)])
def test_strips_begin_with_what_the_address_asks_for(
    opened: dict[str, list[bytes]], typed: str, metric: str, seconds: int
) -> None:
    opened.update(metric=[typed.encode()], last=[str(seconds + (typed == "x")).encode()])
    assert fleet_heat.from_address() == Choice(metric, seconds)
