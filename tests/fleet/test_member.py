"""One host: what is taken, what is safe, and what is known of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.fleet.reports import T0, report, sample, seen
from tests.store.opened import Opened, with_store
from vain.bands import MetricQuery
from vain.clock import utc
from vain.errors import Conflict, Invalid, NotFound, StoreFull, Unavailable
from vain.fleet.fleet import Fleet
from vain.fleet.last_hour import FORGET_SECONDS
from vain.fleet.member import MOST_PENDING, Member
from vain.hosts import Gone, HostCost, HostReport, HostsQuery, Taken
from vain.quality import Span
from vain.store.metrics.sqlite_archive import FolderArchives
from vain.store.metrics.writer import Writer
from vain.types import Resources, Task, TaskSource


class Clocks:
    """Both of them, moved by hand."""

    def __init__(self) -> None:
        self.passed = 0.0

    def monotonic(self) -> float:
        return 500.0 + self.passed

    def wall(self) -> float:
        return T0 + self.passed


class NoVigil:
    def __init__(self) -> None:
        self.told: list[tuple[int, int, str, int | None]] = []

    def gone(self, task_id: int, attempt: int, kind: str, exit_code: int | None = None) -> None:
        self.told.append((task_id, attempt, kind, exit_code))


class Known:
    """A fleet with its clocks, and what its hosts say."""

    def __init__(self, made: Opened, clocks: Clocks) -> None:
        self.clocks, self.vigil, self.store = clocks, NoVigil(), made.store
        self.fleet = Fleet(
            made.store, FolderArchives(made.folder), "server-1", monotonic=clocks.monotonic, wall=clocks.wall
        )

    async def take(self, sent: HostReport, name: str = "gpu-3") -> Taken:
        return await self.fleet.take(name, sent, self.vigil)

    async def session(self, name: str = "gpu-3", **more: object) -> str:
        return (await self.take(report(**more), name)).session

    def member(self, name: str = "gpu-3") -> Member:
        return self.fleet.member(name)

    async def stored(self, name: str = "gpu-3", metric: str = "cpu.percent") -> list[tuple[float, float]]:
        """Second and value of all that is on disk or waits for it."""
        past = await self.member(name).past()
        window = await past.window(MetricQuery(T0 - 10_000, T0 + 100_000, (metric,)))
        found = zip(window.t.tolist(), window.series[metric].mean.tolist(), strict=True)
        return [(round(t - T0, 3), value) for t, value in found if value == value]


def with_fleet(folder: Path, work: Callable[[Known], Awaitable[None]], clocks: Clocks | None = None) -> None:
    async def main(made: Opened) -> None:
        known = Known(made, clocks or Clocks())
        await known.fleet.start()
        try:
            await work(known)
        finally:
            await known.fleet.close()

    with_store(folder, main)


def test_nothing_is_taken_before_a_session_is_agreed_upon(tmp_path: Path) -> None:
    async def work(known: Known) -> None:
        first = await known.take(report(None, 1, [seen(0)]))
        assert (first.accepted, first.stored) == (0, 0)
        second = await known.take(report("beef", 1, [seen(0)]))
        assert second.session != first.session
        third = await known.take(report(second.session, 1, [seen(0), seen(1)]))
        assert (third.session, third.accepted) == (second.session, 2)
        assert await known.stored() == [(0.0, 10.0), (1.0, 10.0)]

    with_fleet(tmp_path, work)


def test_what_was_sent_twice_is_there_once_and_each_second_is_there(tmp_path: Path) -> None:
    async def work(known: Known) -> None:
        session = await known.session()
        await known.take(report(session, 1, [seen(0), seen(1)]))
        taken = await known.take(report(session, 1, [seen(0), seen(1), seen(2)]))
        assert taken.accepted == 3
        again = await known.take(report("dead", 2))  # it was restarted, and has forgotten
        await known.take(report(again.session, 1, [seen(n) for n in range(5)]))
        assert [second for second, _ in await known.stored()] == [0.0, 1.0, 2.0, 3.0, 4.0]

    with_fleet(tmp_path, work)


def test_only_what_is_on_disk_is_called_stored(tmp_path: Path) -> None:
    async def work(known: Known) -> None:
        session = await known.session()
        taken = await known.take(report(session, 1, [seen(n) for n in range(3)]))
        assert (taken.accepted, taken.stored) == (3, 0)
        past = await known.member().past()
        await asyncio.to_thread(past.store.flush)
        assert past.store.pending == 0
        taken = await known.take(report(session, 4, [seen(3)]))
        assert (taken.accepted, taken.stored) == (4, 3)

    with_fleet(tmp_path, work)


def test_a_disk_that_takes_nothing_makes_the_agent_keep_what_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(known: Known) -> None:
        session = await known.session()
        past = await known.member().past()
        monkeypatch.setattr(past.store, "hurry", lambda: None)  # nothing becomes due meanwhile
        first, accepted = 1, 0
        for _ in range(5):
            taken = await known.take(report(session, first, [seen(first + n) for n in range(300)]))
            accepted, first = taken.accepted, taken.accepted + 1
        assert accepted == MOST_PENDING
        assert taken.stored == 0
        await asyncio.to_thread(past.store.flush)
        taken = await known.take(report(session, first, [seen(first)]))
        assert (taken.stored, taken.accepted) == (MOST_PENDING, MOST_PENDING + 1)
        assert past.store.dropped == 0

    with_fleet(tmp_path, work)


def test_an_hour_of_backlog_across_the_hour_is_there_second_by_second(tmp_path: Path) -> None:
    async def work(known: Known) -> None:
        session = await known.session()
        begin = 1
        for part in range(13):
            taken = await known.take(report(session, begin, [seen(part * 300 + n, n % 100) for n in range(300)]))
            while taken.accepted < begin + 299:  # the disk is slower than this loop
                past = await known.member().past()
                await asyncio.to_thread(past.store.flush)
                skip = taken.accepted - begin + 1
                rest = [seen(part * 300 + n, n % 100) for n in range(skip, 300)]
                taken = await known.take(report(session, begin + skip, rest))
            begin += 300
        past = await known.member().past()
        await asyncio.to_thread(past.store.flush)
        window = await past.window(MetricQuery(T0, T0 + 3_900, ("cpu.percent",)))
        assert [round(t - T0) for t in window.t.tolist()] == list(range(3_900))
        assert not window.spans

    with_fleet(tmp_path, work)


def test_a_second_agent_of_the_same_name_is_refused_while_the_first_is_there(tmp_path: Path) -> None:
    async def work(known: Known) -> None:
        await known.session()
        with pytest.raises(Conflict, match="Another machine reports as gpu-3: VAIN_HOSTNAME"):
            await known.take(report(agent="b" * 32))
        known.clocks.passed = 11.0
        taken = await known.take(report(agent="b" * 32))  # the machine was set up anew
        assert taken.session

    with_fleet(tmp_path, work)


def test_the_machine_of_the_server_itself_needs_no_agent(tmp_path: Path) -> None:
    async def work(known: Known) -> None:
        with pytest.raises(Conflict, match="server-1 is the machine of the server itself"):
            await known.take(report(), "server-1")
        with pytest.raises(Invalid, match="host: The name of a machine"):
            await known.take(report(), "../etc")

    with_fleet(tmp_path, work)


def test_a_time_that_is_none_names_its_field(tmp_path: Path) -> None:
    async def work(known: Known) -> None:
        session = await known.session()
        wrong = replace(seen(1), sample=replace(sample(1), timestamp="yesterday"))
        with pytest.raises(Invalid) as caught:
            await known.take(report(session, 1, [seen(0), wrong]))
        assert [flaw.pointer for flaw in caught.value.flaws] == ["/samples/1/sample/timestamp"]
        taken = await known.take(report(session, 1, [seen(0), seen(1)]))
        assert taken.accepted == 2

    with_fleet(tmp_path, work)


def test_the_clock_of_a_host_is_told_with_half_of_the_way_taken_off(tmp_path: Path) -> None:
    async def work(known: Known) -> None:
        await known.session(sent_at=T0 + 3.0, round_trip_seconds=0.5)
        assert known.fleet.shown("gpu-3").clock_skew_seconds == 3.25

    with_fleet(tmp_path, work)


def test_a_pause_between_two_runs_of_the_agent_is_told_as_such(tmp_path: Path) -> None:
    async def work(known: Known) -> None:
        session = await known.session()
        await known.take(report(session, 1, [seen(0, is_first=True), seen(1)]))
        session = await known.session()  # the agent was started again
        late = Span("late", T0 + 60.0, T0 + 70.0)
        await known.take(report(session, 1, [seen(60, is_first=True), seen(70, spans=[late])]))
        past = await known.member().past()
        window = await past.window(MetricQuery(T0, T0 + 100, ("cpu.percent",)))
        assert [(span.cause, span.begin - T0, span.end - T0) for span in window.spans] == [
            ("stopped", 1.0, 60.0),
            ("late", 60.0, 70.0),
        ]

    with_fleet(tmp_path, work)


def test_what_the_agent_had_to_give_up_is_a_span(tmp_path: Path) -> None:
    async def work(known: Known) -> None:
        session = await known.session()
        lost = Span("not-stored", T0 + 1.0, T0 + 49.0)
        await known.take(report(session, 1, [seen(0), seen(50)], lost=[lost]))
        past = await known.member().past()
        window = await past.window(MetricQuery(T0, T0 + 100, ("cpu.percent",)))
        assert lost in window.spans

    with_fleet(tmp_path, work)


def test_the_newest_figures_are_shown_before_the_backlog_is_there(tmp_path: Path) -> None:
    async def work(known: Known) -> None:
        session = await known.session()
        await known.take(report(session, 1, [seen(0, 1.0)], latest=sample(3_000, 77.0), waiting=2_999))
        shown = known.fleet.shown("gpu-3")
        assert shown.now is not None
        assert (shown.now.cpu_usage, shown.samples_waiting) == (77.0, 2_999)

    with_fleet(tmp_path, work)


def test_a_host_is_silent_after_a_minute_and_rules_see_it(tmp_path: Path) -> None:
    async def work(known: Known) -> None:
        session = await known.session()
        await known.take(report(session, 1, [seen(0)]))
        known.clocks.passed = 59.0
        await known.fleet.sweep()
        assert not known.fleet.shown("gpu-3").silent
        assert known.fleet.silence() == [("host.silent_seconds:gpu-3", 59.0)]
        known.clocks.passed = 61.0
        await known.fleet.sweep()
        shown = known.fleet.shown("gpu-3")
        assert (shown.silent, shown.now) == (True, None)
        await known.take(report(session, 2, [seen(61)]))
        await known.fleet.sweep()
        assert not known.fleet.shown("gpu-3").silent
        assert known.fleet.silence() == [("host.silent_seconds:gpu-3", 0.0)]

    with_fleet(tmp_path, work)


def test_time_in_which_the_server_did_not_run_is_no_silence_of_a_host(tmp_path: Path) -> None:
    clocks = Clocks()

    async def before(known: Known) -> None:
        await known.session()
        await known.session("old")
        clocks.passed = 100.0
        await known.session()
        await known.fleet.sweep()

    async def after(known: Known) -> None:
        clocks.passed = 3_600.0
        assert dict(known.fleet.silence()) == {"host.silent_seconds:gpu-3": 0.0, "host.silent_seconds:old": 3_600.0}

    with_fleet(tmp_path, before, clocks)
    clocks.passed = 3_600.0  # the server is started again
    with_fleet(tmp_path, after, clocks)


def test_hosts_and_what_they_were_are_known_after_a_restart(tmp_path: Path) -> None:
    async def before(known: Known) -> None:
        session = await known.session()
        await known.take(report(session, 1, [seen(0), seen(1)]))

    async def after(known: Known) -> None:
        shown = known.fleet.shown("gpu-3")
        assert (shown.version, shown.first_seen_at, shown.now) == ("0.1.0", utc(T0), None)
        assert await known.stored() == [(0.0, 10.0), (1.0, 10.0)]

    with_fleet(tmp_path, before)
    with_fleet(tmp_path, after)


def test_a_host_that_is_forgotten_leaves_nothing(tmp_path: Path) -> None:
    async def work(known: Known) -> None:
        session = await known.session()
        await known.take(report(session, 1, [seen(0)]))
        assert (tmp_path / "hosts" / "gpu-3" / "metrics.db").exists()
        await known.fleet.forget("gpu-3")
        assert not (tmp_path / "hosts" / "gpu-3").exists()
        assert known.fleet.silence() == []
        with pytest.raises(NotFound, match="No agent has reported of a host 'gpu-3'"):
            await known.fleet.forget("gpu-3")

    async def after(known: Known) -> None:
        assert not known.fleet.knows("gpu-3")

    with_fleet(tmp_path, work)
    with_fleet(tmp_path, after)


def test_what_nobody_needs_is_closed_and_opened_again(tmp_path: Path) -> None:
    async def work(known: Known) -> None:
        session = await known.session()
        await known.take(report(session, 1, [seen(0)]))
        first = await known.member().past()
        known.clocks.passed = 601.0
        await known.fleet.sweep()
        assert await known.member().past() is not first
        assert await known.stored() == [(0.0, 10.0)]

    with_fleet(tmp_path, work)


def test_what_comes_while_a_host_is_forgotten_is_refused_and_not_lost(tmp_path: Path) -> None:
    async def work(known: Known) -> None:
        session = await known.session()
        await known.take(report(session, 1, [seen(0)]))
        member, going = known.member(), asyncio.ensure_future(known.fleet.forget("gpu-3"))
        refused = 0
        while not going.done():
            try:
                session = (await known.take(report(session, 1, [seen(0)]))).session
            except Unavailable:
                refused += 1
            await asyncio.sleep(0)
        await going
        with pytest.raises(Unavailable, match="being forgotten"):
            await member.past()  # whoever still has it does not make its folder anew
        session = await known.session()
        await known.take(report(session, 1, [seen(0), seen(1)]))
        assert await known.stored() == [(0.0, 10.0), (1.0, 10.0)]
        assert (tmp_path / "hosts" / "gpu-3" / "metrics.db").exists()

    with_fleet(tmp_path, work)


def test_what_a_closed_history_could_not_commit_is_asked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(known: Known) -> None:
        session = await known.session()
        await known.take(report(session, 1, [seen(0), seen(1)]))
        monkeypatch.setattr(Writer, "_commit", lambda self: (_ for _ in ()).throw(StoreFull("full")))
        await known.member().close()
        monkeypatch.undo()
        taken = await known.take(report(session, 3, [seen(2)]))
        assert (taken.session != session, taken.accepted, taken.stored) == (True, 0, 0)
        await known.take(report(taken.session, 1, [seen(0), seen(1), seen(2)]))
        assert [second for second, _ in await known.stored()] == [0.0, 1.0, 2.0]

    with_fleet(tmp_path, work)


def test_what_is_sent_again_after_a_restart_is_no_clock_that_was_set(tmp_path: Path) -> None:
    first = [seen(n, is_first=n == 0) for n in range(10)]

    async def before(known: Known) -> None:
        session = await known.session()
        await known.take(report(session, 1, first))

    async def after(known: Known) -> None:
        session = await known.session()
        await known.take(report(session, 1, [*first, seen(10)]))
        past = await known.member().past()
        window = await past.window(MetricQuery(T0 - 10, T0 + 100, ("cpu.percent",)))
        assert (len(window.t), window.spans) == (11, ())

    with_fleet(tmp_path, before)
    with_fleet(tmp_path, after)


def test_live_rows_never_run_backwards(tmp_path: Path) -> None:
    async def work(known: Known) -> None:
        session = await known.session()
        await known.take(report(session, 1, [seen(n) for n in range(5)]))
        member = known.member()
        member.last_hour.columns(0)
        for _ in range(200):
            await asyncio.sleep(0.01)
            if len(member.last_hour.columns(0).t):
                break
        again = await known.session(session="dead")
        await known.take(report(again, 1, [seen(n) for n in range(7)]))
        assert [t - T0 for t in member.last_hour.columns(0).t] == [0, 1, 2, 3, 4, 5, 6]

    with_fleet(tmp_path, work)


def test_what_nobody_looks_at_any_more_is_forgotten_though_reports_come(tmp_path: Path) -> None:
    clocks = Clocks()

    async def work(known: Known) -> None:
        session = await known.session()
        hour = known.member().last_hour
        hour.columns(0)
        for _ in range(200):
            await asyncio.sleep(0.01)
            if hour.is_followed:
                break
        clocks.passed += FORGET_SECONDS - 10
        await known.take(report(session, 1, [seen(1)]))
        await known.member().rest()
        assert hour.is_followed
        clocks.passed += 20.0
        await known.take(report(session, 2, [seen(2)]))
        await known.member().rest()
        assert not hour.is_followed

    with_fleet(tmp_path, work, clocks)


def test_the_list_of_tasks_has_another_number_in_each_life(tmp_path: Path) -> None:
    clocks, numbers = Clocks(), []

    async def life(known: Known) -> None:
        known.fleet.follow(task(7 + len(numbers)), None)
        numbers.append((await known.take(report())).watching)

    with_fleet(tmp_path, life, clocks)
    clocks.passed = 20.0
    with_fleet(tmp_path, life, clocks)
    assert numbers[0] != numbers[1]


def test_one_that_looks_rarely_is_silent_only_after_five_of_its_periods(tmp_path: Path) -> None:
    async def work(known: Known) -> None:
        await known.session(period_seconds=300.0)
        known.clocks.passed = 1_400.0
        assert dict(known.fleet.silence()) == {"host.silent_seconds:gpu-3": 0.0}
        known.clocks.passed = 1_580.0
        assert dict(known.fleet.silence()) == {"host.silent_seconds:gpu-3": 140.0}

    with_fleet(tmp_path, work)


def test_a_history_that_is_damaged_costs_no_other_host_anything(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def before(known: Known) -> None:
        for name in ("good", "bad"):
            session = await known.session(name)
            await known.take(report(session, 1, [seen(n) for n in range(60)]), name)

    async def after(known: Known) -> None:
        with pytest.raises(Unavailable, match="history of the host bad"):
            await known.take(report(await known.session("bad"), 1, [seen(60)]), "bad")
        own = await known.member("good").past()
        found = await known.fleet.history(HostsQuery(T0, T0 + 60, "cpu.percent", 6), own)
        means = {row.host: row.mean for row in found.hosts}
        assert (means["good"], means["bad"]) == (10.0, None)
        assert len([each for each in caplog.records if each.levelname == "ERROR"]) == 1

    with_fleet(tmp_path, before)
    (tmp_path / "hosts" / "bad" / "metrics.db").write_bytes(b"no database" * 1_000)
    with_fleet(tmp_path, after)


def test_names_that_are_one_on_some_disks_are_one_too_many(tmp_path: Path) -> None:
    async def work(known: Known) -> None:
        await known.session("GPU")
        for name in ("gpu", "con", "a.", "SERVER-1"):
            with pytest.raises(Conflict):
                await known.session(name)

    with_fleet(tmp_path, work)


def task(task_id: int = 7, host: str | None = "gpu-3", status: str = "in-progress", attempt: int = 1) -> Task:
    source = TaskSource(host=host, pid=42, pid_started_at=utc(T0), kind="run")
    return Task(task_id, "train", status, "medium", utc(T0), attempt=attempt, source=source)  # type: ignore[arg-type]


def test_an_agent_hears_of_the_tasks_of_its_host_when_they_change(tmp_path: Path) -> None:
    async def work(known: Known) -> None:
        session = await known.session()
        known.fleet.follow(task(), "c" * 32)
        known.fleet.follow(task(8, "gpu-4"), None)
        taken = await known.take(report(session))
        assert taken.tasks is not None
        assert [(each.task.task_id, each.run_id, each.task.name) for each in taken.tasks] == [(7, "c" * 32, "-")]
        assert (await known.take(report(session, watching=taken.watching))).tasks is None
        known.fleet.follow(task(), None)  # nothing that the agent needs to know has changed
        assert (await known.take(report(session, watching=taken.watching))).tasks is None
        known.fleet.follow(replace(task(), status="completed"), None)
        taken = await known.take(report(session, watching=taken.watching))
        assert taken.tasks == []

    with_fleet(tmp_path, work)


def test_costs_and_ends_count_for_tasks_of_that_host_only(tmp_path: Path) -> None:
    async def work(known: Known) -> None:
        session = await known.session()
        known.fleet.follow(task(), None)
        known.fleet.follow(task(8, "gpu-4"), None)
        costs = {number: HostCost(1, Resources(cpu_seconds=3.0)) for number in (7, 8, 9)}
        gone = [Gone(7, 1, "run", 3), Gone(7, 2, "run"), Gone(8, 1, "run")]
        await known.take(report(session, costs=costs, gone=gone))
        assert list(known.fleet.parts.tasks()) == [7]
        assert known.vigil.told == [(7, 1, "run", 3)]
        known.fleet.forget_task(7)
        assert not known.fleet.parts.tasks()

    with_fleet(tmp_path, work)


def test_a_report_of_another_agent_names_no_other_agents_session(tmp_path: Path) -> None:
    async def work(known: Known) -> None:
        session = await known.session()
        known.clocks.passed = 11.0
        taken = await known.take(report(session, 1, [seen(0)], agent="b" * 32))
        assert (taken.session != session, taken.accepted) == (True, 0)

    with_fleet(tmp_path, work)
