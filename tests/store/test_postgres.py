"""PostgreSQL as the engine: its words, what it refuses, and what is left when its processes are killed."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import asyncpg
import pytest

from tests.store.engines import url_of
from tests.store.postgres_server import PostgresServer, postgres_server, programs
from vain import settings
from vain.errors import Misconfigured, StoreDamaged, StoreLocked, Unavailable
from vain.store import life_queries, queries, ran_queries, reading
from vain.store.database import Store
from vain.store.postgres.dialect import statement
from vain.store.postgres.engine import PostgresEngine
from vain.tracker import Tracker
from vain.types import Event, TaskDraft, TaskPatch

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

WRITERS = 12
STATEMENTS = {
    f"{module.__name__}.{name}": text
    for module in (queries, ran_queries, life_queries)
    for name, text in vars(module).items()
    if name.isupper() and not name.startswith("_") and isinstance(text, str)
}
END = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'vain %'"


@pytest.fixture
def url(postgres: PostgresServer, tmp_path: Path) -> str:
    """A schema of this test's own."""
    return url_of(postgres.url, tmp_path)


def run(url: str, work: Callable[[asyncpg.Connection], Awaitable[None]]) -> None:
    """Beside vAIn."""

    async def main() -> None:
        connection = await asyncpg.connect(url)
        try:
            await work(connection)
        finally:
            await connection.close()

    asyncio.run(main())


def test_every_statement_has_words_that_postgresql_knows(url: str, tmp_path: Path) -> None:
    PostgresEngine(url, tmp_path / "data").close()

    async def prepared(connection: asyncpg.Connection) -> None:
        for name, text in STATEMENTS.items():
            try:
                await connection.prepare(statement(text).text)
            except asyncpg.PostgresError as error:
                pytest.fail(f"{name}: {error}\n{statement(text).text}")

    assert len(STATEMENTS) > 60
    run(url, prepared)


def test_a_copy_has_the_database_alone_and_servers_share_it(url: str, tmp_path: Path) -> None:
    first, second = PostgresEngine(url, tmp_path / "first"), PostgresEngine(url, tmp_path / "second")
    assert second.epoch == first.epoch
    with pytest.raises(StoreLocked, match="A vAIn server uses postgresql"):
        PostgresEngine(url)
    first.close()
    second.close()
    alone = PostgresEngine(url)
    with pytest.raises(StoreLocked, match="Another vAIn uses postgresql"):
        PostgresEngine(url, tmp_path / "first")
    alone.close()
    PostgresEngine(url, tmp_path / "first").close()


def test_tables_of_a_newer_vain_are_refused_and_left_as_they_were(url: str, tmp_path: Path) -> None:
    PostgresEngine(url, tmp_path / "data").close()

    async def age(connection: asyncpg.Connection) -> None:
        await connection.execute("UPDATE vain_version SET version = 99")

    run(url, age)
    with pytest.raises(StoreDamaged, match="version 99"):
        PostgresEngine(url, tmp_path / "data")

    async def same(connection: asyncpg.Connection) -> None:
        assert await connection.fetchval("SELECT version FROM vain_version") == 99

    run(url, same)


@pytest.mark.parametrize("path", ["/postgres?search_path=no_such_schema", "/no_such_database"])
def test_what_is_not_there_is_a_misconfiguration_that_keeps_the_password(
    postgres: PostgresServer, tmp_path: Path, path: str
) -> None:
    url = f"postgresql://vain:sesame@127.0.0.1:{postgres.port}{path}"
    with pytest.raises(Misconfigured) as caught:
        PostgresEngine(url, tmp_path / "data")
    assert "sesame" not in str(caught.value) and str(postgres.port) in str(caught.value)
    PostgresEngine(url_of(postgres.url, tmp_path), tmp_path / "data").close()  # and the folder was let go of


def test_the_password_is_in_no_text_of_the_settings() -> None:
    known = settings.load({"store": "postgresql://vain:sesame@db.example.org/vain"}, {})
    assert known.store_url is not None and "sesame" in known.store_url and "sesame" not in repr(known)


def test_an_answered_change_outlives_a_crash_whatever_the_database_is_set_to(url: str, tmp_path: Path) -> None:
    engine = PostgresEngine(f"{url}&synchronous_commit=off", tmp_path / "data")
    assert engine.connection.value("SHOW synchronous_commit") == "on"
    engine.close()


def test_the_lock_and_the_tables_are_of_one_schema(url: str, tmp_path: Path) -> None:
    schema = url.rpartition("=")[2]

    async def make(connection: asyncpg.Connection) -> None:
        await connection.execute(f"CREATE SCHEMA {schema}_more")

    run(url, make)
    first = PostgresEngine(url, tmp_path / "first")
    second = PostgresEngine(f"{url.rpartition('=')[0]}={schema}_more,{schema}", tmp_path / "second")
    assert first.epoch != second.epoch, "each its own tables"
    first.close()
    second.close()


@asynccontextmanager
async def opened(url: str, folder: Path, published: list[Event]) -> AsyncIterator[Store]:
    store = Store(PostgresEngine(url, folder), published.extend)
    try:
        yield store
    finally:
        await asyncio.to_thread(store.close)


async def write(tracker: Tracker, number: int, answered: dict[int, int], ended: asyncio.Event) -> None:
    """Creates and changes tasks; what is answered is noted, what is refused is left."""
    for turn in range(1_000_000):
        if ended.is_set():
            return
        try:
            task = await tracker.create(TaskDraft(name=f"{number}/{turn}"))
            answered[task.task_id] = task.version
            task = await tracker.update(task.task_id, TaskPatch(status="in-progress", message="a sentence"))
            answered[task.task_id] = task.version
        except Unavailable:
            await asyncio.sleep(0.02)


async def disturbed(store: Store, published: list[Event], disturb: Callable[[], Awaitable[None]]) -> None:
    """Many write while something is done to the database; then all that was answered is there, and all is told once."""
    answered: dict[int, int] = {}
    ended = asyncio.Event()
    tracker = Tracker(store)
    writers = [asyncio.create_task(write(tracker, number, answered, ended)) for number in range(WRITERS)]
    await disturb()
    ended.set()
    await asyncio.gather(*writers)
    last = await tracker.create(TaskDraft(name="afterwards"))
    assert len(answered) > 100
    for task_id, version in answered.items():
        stored = await store.read(lambda connection, number=task_id: reading.task_body(connection, number))
        assert stored is not None and stored[1] >= version, task_id
    events = await store.read(lambda connection: reading.events_after(connection, 0, 1_000_000))
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert published == events, "each once, in order, none missing"
    assert json.loads(events[-1].body)["task_id"] == last.task_id
    for task_id in {json.loads(event.body)["task_id"] for event in events}:
        stored = await store.read(lambda connection, number=task_id: reading.task_body(connection, number))
        at_hand = tracker.at_hand(task_id)
        assert at_hand is None or (stored is not None and at_hand.body == stored[0]), (
            "what is at hand is what is stored"
        )


def test_connections_that_are_ended_lose_nothing_that_was_answered(url: str, tmp_path: Path) -> None:
    published: list[Event] = []
    chance = random.Random(3)

    async def disturb() -> None:
        beside = await asyncpg.connect(url)
        for _ in range(10):
            await asyncio.sleep(chance.uniform(0.1, 0.4))
            await beside.execute(END)
        await beside.close()

    async def main() -> None:
        async with opened(url, tmp_path / "data", published) as store:
            await disturbed(store, published, disturb)

    asyncio.run(main())


@pytest.mark.parametrize("breaks", [True, False])
def test_a_commit_whose_answer_was_lost_is_told_once_without_a_further_change(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, breaks: bool
) -> None:
    published: list[Event] = []

    async def main() -> None:
        async with opened(url, tmp_path / "data", published) as store:
            tracker = Tracker(store)
            commit = PostgresEngine.commit

            def lose(engine: PostgresEngine) -> None:
                commit(engine)
                monkeypatch.setattr(PostgresEngine, "commit", commit)
                if breaks:
                    engine.connection.abandon()
                raise TimeoutError

            monkeypatch.setattr(PostgresEngine, "commit", lose)
            with pytest.raises(Unavailable, match="whether the change was made is not known"):
                await tracker.create(TaskDraft(name="lost"), "key-1", b"fingerprint")
            for _ in range(300):
                if published:
                    break
                await asyncio.sleep(0.02)
            assert [json.loads(event.body)["name"] for event in published] == ["lost"]
            again = await tracker.create(TaskDraft(name="lost"), "key-1", b"fingerprint")
            assert again.task_id == json.loads(published[0].body)["task_id"] and len(published) == 1

    asyncio.run(main())


@pytest.fixture
def mortal() -> Iterator[PostgresServer]:
    if programs() is None:
        pytest.skip("no PostgreSQL here: `make test` unpacks one where Debian's packages can be had")
    with postgres_server(fsync=True) as server:
        yield server


def test_a_database_that_is_killed_and_comes_back_loses_nothing_that_was_answered(
    mortal: PostgresServer, tmp_path: Path
) -> None:
    published: list[Event] = []
    chance = random.Random(5)

    async def disturb() -> None:
        for _ in range(3):
            await asyncio.sleep(chance.uniform(0.3, 0.8))
            await asyncio.to_thread(mortal.stop, True)
            await asyncio.sleep(0.3)
            await asyncio.to_thread(mortal.start)
        await asyncio.sleep(0.5)

    async def main() -> None:
        async with opened(mortal.url, tmp_path / "data", published) as store:
            await disturbed(store, published, disturb)

    asyncio.run(main())


def test_while_the_database_is_away_everything_is_refused_and_nothing_blocks(
    mortal: PostgresServer, tmp_path: Path
) -> None:
    async def main() -> None:
        async with opened(mortal.url, tmp_path / "data", []) as store:
            tracker = Tracker(store)
            task = await tracker.create(TaskDraft(name="before"))
            await asyncio.to_thread(mortal.stop, True)
            for _ in range(3):
                with pytest.raises(Unavailable):
                    await asyncio.wait_for(tracker.create(TaskDraft(name="meanwhile")), 20)
                with pytest.raises(Unavailable):
                    await asyncio.wait_for(tracker.runs(task.task_id), 20)
            await asyncio.to_thread(mortal.start)
            with suppress(Unavailable):
                await tracker.create(TaskDraft(name="perhaps"))
            assert (await tracker.create(TaskDraft(name="afterwards"))).task_id > task.task_id

    asyncio.run(main())
