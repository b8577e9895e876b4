"""Several servers over one PostgreSQL: one order of all changes, told at every server, and duties that one has."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from tests.store.engines import url_of
from tests.store.postgres_server import PostgresServer
from vain.alerting.rule import Rule
from vain.duties import BELIEF_SECONDS, LEADS, MACHINE, Duties
from vain.errors import Conflict, PreconditionFailed, Unavailable
from vain.rulebook import RuleBook
from vain.store import reading
from vain.store.database import Store
from vain.store.postgres.engine import PostgresEngine
from vain.store.postgres.group import SILENT_MILLISECONDS
from vain.tracker import Tracker
from vain.types import Event, TaskDraft, TaskPatch

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

SEEN_SECONDS = 3.0
"""A machine that others use as well may take so long for what takes some milliseconds."""


@pytest.fixture
def url(postgres: PostgresServer, tmp_path: Path) -> str:
    """A schema of this test's own."""
    return url_of(postgres.url, tmp_path)


class Server:
    """A store with what it has published and what it was told of others."""

    def __init__(self, url: str, folder: Path) -> None:
        self.published: list[Event] = []
        self.elsewhere: list[Event] = []
        self.kept_changes = self.anew = 0
        self.store = Store(PostgresEngine(url, folder), self.published.extend)
        self.tracker = Tracker(self.store)
        self.store.follow_others(self)

    def happened(self, events: list[Event]) -> None:
        self.elsewhere.extend(events)

    def kept_changed(self) -> None:
        self.kept_changes += 1

    def diverged(self) -> None:
        self.anew += 1

    async def until(self, seq: int) -> None:
        """Until it has heard of an event."""
        for _ in range(int(SEEN_SECONDS / 0.01)):
            if self.published and self.published[-1].seq >= seq:
                return
            await asyncio.sleep(0.01)
        raise AssertionError(f"event {seq} was not seen, only {len(self.published)}")


@asynccontextmanager
async def servers(url: str, folder: Path, count: int = 2) -> AsyncIterator[list[Server]]:
    made = [Server(url, folder / str(number)) for number in range(count)]
    try:
        yield made
    finally:
        for each in made:
            await asyncio.to_thread(each.store.close)


def test_what_one_has_answered_holds_at_the_others_at_once(url: str, tmp_path: Path) -> None:
    async def main() -> None:
        async with servers(url, tmp_path) as (a, b):
            made = await a.tracker.create(TaskDraft(name="first", status="in-progress"), "key-1", b"f")
            assert b.tracker.at_hand(made.task_id) is None, "what is at hand may be old"
            assert (await b.tracker.get(made.task_id)).body == made.body
            again = await b.tracker.create(TaskDraft(name="first", status="in-progress"), "key-1", b"f")
            assert (again.task_id, again.body) == (made.task_id, made.body)
            changed = await b.tracker.update(made.task_id, TaskPatch(progress=50.0))
            assert changed.version == 2
            with pytest.raises(PreconditionFailed):
                await a.tracker.update(made.task_id, TaskPatch(progress=10.0), versions=[1])
            assert (await a.tracker.update(made.task_id, TaskPatch(progress=60.0), versions=[2])).version == 3
            keyed = await a.tracker.create(TaskDraft(name="job", key="nightly"))
            with pytest.raises(Conflict, match=f"Task {keyed.task_id}"):
                await b.tracker.create(TaskDraft(name="job", key="nightly"))
            assert (await a.tracker.create(TaskDraft(name="x"))).task_id == 3
            assert (await b.tracker.create(TaskDraft(name="y"))).task_id == 4
            await b.tracker.delete(4)
            assert (await a.tracker.create(TaskDraft(name="z"))).task_id == 5, "no number is given twice"
            for each in (a, b):
                await each.until(8)
            assert a.published == b.published
            assert [event.seq for event in a.published] == list(range(1, 9))
            assert a.store.counts == b.store.counts
            assert (a.store.counts.pending, a.store.counts.in_progress) == (3, 1)
            assert [event.seq for event in a.elsewhere] == [2, 6, 7] and [event.seq for event in b.elsewhere] == [
                1, 3, 4, 5, 8,
            ]  # fmt: skip

    asyncio.run(main())


def test_each_tells_what_all_of_them_did_in_one_order_while_connections_are_ended(url: str, tmp_path: Path) -> None:
    chance = random.Random(11)
    answered: dict[int, int] = {}

    async def write(server: Server, ended: asyncio.Event) -> None:
        mine: list[int] = []
        while not ended.is_set():
            try:
                if len(mine) < 3 or chance.random() < 0.3:
                    made = await server.tracker.create(TaskDraft(name="n"))
                    mine.append(made.task_id)
                    answered[made.task_id] = made.version
                else:
                    # Any task, also one that another server made.
                    task_id = chance.choice(list(answered))
                    made = await server.tracker.update(task_id, TaskPatch(message=str(chance.random())))
                    answered[task_id] = max(answered[task_id], made.version)
            except Unavailable:
                await asyncio.sleep(0.02)

    async def main() -> None:
        async with servers(url, tmp_path, 3) as made:
            ended = asyncio.Event()
            writers = [asyncio.create_task(write(each, ended)) for each in made for _ in range(5)]
            beside = await asyncpg.connect(url)
            for _ in range(8):
                await asyncio.sleep(chance.uniform(0.2, 0.5))
                await beside.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE application_name LIKE 'vain %' AND random() < 0.5"
                )
            ended.set()
            await asyncio.gather(*writers)
            await beside.close()
            for each in made:  # whose last answer was lost knows it by then
                await each.tracker.create(TaskDraft(name="afterwards"))
            events = await made[0].store.read(lambda connection: reading.events_after(connection, 0, 1_000_000))
            assert [event.seq for event in events] == list(range(1, len(events) + 1)) and len(events) > 200
            for each in made:
                await each.until(events[-1].seq)
                assert each.published == events, "each once, in order, none missing"
                assert each.store.counts.pending == len({json.loads(event.body)["task_id"] for event in events})
            for task_id, version in answered.items():
                stored = await made[1].store.read(
                    lambda connection, number=task_id: reading.task_body(connection, number)
                )
                assert stored is not None and stored[1] >= version

    asyncio.run(main())


def test_a_rule_made_at_one_is_known_at_the_others(url: str, tmp_path: Path) -> None:
    async def main() -> None:
        async with servers(url, tmp_path) as (a, b):
            books = [RuleBook(each.store) for each in (a, b)]
            await books[0].put(Rule(name="hot", metric="cpu.percent", above=90.0))
            for _ in range(300):
                if b.kept_changes:
                    break
                await asyncio.sleep(0.01)
            assert (a.kept_changes, b.kept_changes) == (0, 1), "who made it knows it"
            await books[1].read_again()
            assert books[1].find("hot").rule.above == 90.0
            await a.tracker.create(TaskDraft(name="no rule"))
            await b.until(1)
            assert b.kept_changes == 1

    asyncio.run(main())


def test_what_happened_before_anybody_followed_is_told_when_somebody_does(url: str, tmp_path: Path) -> None:
    async def main() -> None:
        async with servers(url, tmp_path, 1) as (a,):
            published: list[Event] = []
            late = Store(PostgresEngine(url, tmp_path / "late"), published.extend)
            await a.tracker.create(TaskDraft(name="early"))
            for _ in range(300):
                if published:
                    break
                await asyncio.sleep(0.01)
            late.follow_others(a)
            assert [event.seq for event in a.elsewhere] == [1]
            await asyncio.to_thread(late.close)

    asyncio.run(main())


def test_another_database_than_before_is_told_once_and_gets_another_epoch(url: str, tmp_path: Path) -> None:
    """As after a standby was promoted: another timeline, and perhaps without what was committed last."""

    async def main() -> None:
        async with servers(url, tmp_path) as (a, b):
            before = a.store.epoch
            await a.tracker.create(TaskDraft(name="n"))
            beside = await asyncpg.connect(url)
            await beside.execute("UPDATE meta SET value = 'another' WHERE key = 'lineage'")
            await beside.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'vain %'"
            )
            for _ in range(500):
                if a.anew and b.anew:
                    break
                await asyncio.sleep(0.02)
            assert a.anew and b.anew
            with pytest.raises(Unavailable, match="begins anew"):
                await a.tracker.create(TaskDraft(name="refused"))
            after = await beside.fetchval("SELECT value FROM meta WHERE key = 'epoch'")
            assert after != before
            async with servers(url, tmp_path / "again") as (c, d):
                assert c.store.epoch == d.store.epoch == after, "renewed once, whoever came first"
            await beside.close()

    asyncio.run(main())


async def both(first: Duties, second: Duties, seconds: float) -> list[tuple[bool, bool]]:
    """Who leads, every tenth of a second."""
    seen = []
    for _ in range(int(seconds / 0.1)):
        seen.append((first.leads, second.leads))
        await asyncio.sleep(0.1)
    return seen


def test_one_leads_and_another_takes_over_from_one_that_stands_still(url: str, tmp_path: Path) -> None:
    async def main() -> None:
        async with servers(url, tmp_path) as (a, b):
            first, second = Duties(a.store.group(), "kestrel"), Duties(b.store.group(), "kestrel")
            changes: list[bool] = []

            async def changed() -> None:
                changes.append(second.leads)
                if len(changes) == 1:
                    raise Unavailable("The database is away.")

            second.attend(changed, (False, False))
            heard: list[dict[str, bytes]] = []
            first.exchange("x", lambda: b"from the first", lambda told: None)
            second.exchange("x", lambda: b"from the second", lambda told: heard.append(dict(told)))
            await first.start()
            await second.start()
            assert first.holds(LEADS) and first.holds(MACHINE) and not second.holds(LEADS)
            assert set(await both(first, second, 3.5)) == {(True, False)}
            assert list(heard[-1].values()) == [b"from the first"]
            # It stands still, as under SIGSTOP: its connection is there, and says nothing.
            assert first._task is not None
            first._task.cancel()
            seen = await both(first, second, SILENT_MILLISECONDS / 1_000 + 3.5)
            assert (True, True) not in seen, "never two"
            assert seen.index((False, False)) * 0.1 <= BELIEF_SECONDS + 0.5
            assert seen[-1] == (False, True) and changes == [True, True], "tried again until it is done"
            third = Duties(a.store.group(), "another-machine")
            await third.start()
            assert third.judges_machine and not third.leads
            await second.close()
            for _ in range(40):
                if third.leads:
                    break
                await asyncio.sleep(0.1)
            assert third.leads, "at once from one that ended"
            await third.close()
            await first.close()

    asyncio.run(main())
