"""A store is copied whole, from one engine to the other and back; nothing is copied over something."""

from __future__ import annotations

import asyncio
import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tests.store.engines import url_of
from tests.store.postgres_server import PostgresServer
from vain import notices
from vain.cli import main
from vain.clock import now
from vain.codec import decode
from vain.errors import Conflict
from vain.store.connection import Engine
from vain.store.copying import TABLES, copy
from vain.store.database import Store
from vain.store.keys import KeyRing
from vain.store.postgres.engine import PostgresEngine
from vain.store.sqlite_engine import SqliteEngine
from vain.tracker import Tracker
from vain.types import HostResources, Resources, Task, TaskDraft, TaskPatch, TaskSource

TASKS = 700
"""More than are copied at once."""
Rows = dict[str, list[tuple[Any, ...]]]


def filled(engine: Engine) -> None:
    """Something in every table."""

    async def work() -> None:
        store = Store(engine, lambda events: None)
        tracker = Tracker(store)
        drafts = [
            TaskDraft(name=f"task {number} ü", tags=["a", "b"], key=f"job {number}", source=TaskSource("gpu-1"))
            for number in range(TASKS)
        ]
        made = await asyncio.gather(*(tracker.create(draft) for draft in drafts))
        await store.write(lambda transaction: transaction.notify(notices.of_error("test", "an error"), now(), []))
        for task in made[:50]:
            await tracker.update(task.task_id, TaskPatch(status="completed", outcome="failed", exit_code=3))
            await tracker.add_log(task.task_id, b"said \x00\xff something\n")
        await store.write(lambda transaction: transaction.name_run("run-1", made[3].task_id, None))
        await store.write(lambda transaction: transaction.keep("rule", "busy", b'{"name":"busy"}'))
        await store.write(lambda transaction: transaction.expect("backup", b'{"key":"backup"}'))
        once = await tracker.create(TaskDraft(name="once", status="in-progress"), "key-1", b"fingerprint")
        running = decode(Task, once.body)
        spread = Resources(hosts={"gpu-2": HostResources(cpu_seconds=1.0)})
        after = replace(running, resources=spread)
        await store.write(lambda transaction: transaction.save(after, running, now()))
        last = await tracker.create(TaskDraft(name="the last"))
        await tracker.delete(last.task_id)
        await asyncio.to_thread(store.close)

    asyncio.run(work())


def everything(engine: Engine) -> Rows:
    with engine.reading() as connection:
        return {table.name: [tuple(row) for row in connection.execute(table.read)] for table in TABLES}


def next_task(engine: Engine) -> int:
    """The number that the next task gets; the store closes the engine."""

    async def work() -> int:
        store = Store(engine, lambda events: None)
        made = await Tracker(store).create(TaskDraft(name="next"))
        await asyncio.to_thread(store.close)
        return made.task_id

    return asyncio.run(work())


def test_a_copy_has_every_row_and_goes_on_counting_under_an_epoch_of_its_own(tmp_path: Path) -> None:
    filled(SqliteEngine(tmp_path / "one"))
    with closing(SqliteEngine(tmp_path / "one")) as one, closing(SqliteEngine(tmp_path / "two")) as two:
        counts = copy(one, two)
        assert all(counts.values()) and counts["tasks"] == TASKS + 1
        assert everything(one) == everything(two)
        epochs = one.epoch, two.connection.execute("SELECT value FROM meta WHERE key = 'epoch'").get
        assert epochs[0] != epochs[1]
    assert next_task(SqliteEngine(tmp_path / "two")) == TASKS + 3


def test_nothing_is_copied_over_something(tmp_path: Path) -> None:
    filled(SqliteEngine(tmp_path / "one"))
    next_task(SqliteEngine(tmp_path / "two"))
    with closing(SqliteEngine(tmp_path / "one")) as one, closing(SqliteEngine(tmp_path / "two")) as two:
        before = everything(two)
        with pytest.raises(Conflict, match="not empty: it has rows in tasks, events, attempts"):
            copy(one, two)
        assert everything(two) == before


@pytest.mark.slow
def test_there_and_back_between_both_engines_by_the_command(
    postgres: PostgresServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    filled(SqliteEngine(tmp_path / "one"))
    with closing(KeyRing.open(tmp_path / "one")) as ring:
        _, secret = ring.create("laptop", "write")
        cookie = ring.new_session(ring.list()[0].key_id)
    url = url_of(postgres.url, tmp_path)
    assert main(["db", "copy", str(tmp_path / "one"), url]) == 0
    said = capsys.readouterr().out
    assert f"tasks: {TASKS + 1:,}\n" in said and "keys: 1\n" in said
    assert main(["db", "copy", url, str(tmp_path / "two")]) == 0
    for ring in (KeyRing.open(tmp_path, store_url=url), KeyRing.open(tmp_path / "two")):
        with closing(ring):
            assert ring.identify(secret) and ring.session(cookie)
    with closing(SqliteEngine(tmp_path / "one")) as one, closing(SqliteEngine(tmp_path / "two")) as two:
        assert everything(one) == everything(two)
        assert main(["db", "copy", str(tmp_path / "one"), url]) == 1 and "already uses" in capsys.readouterr().err
    assert main(["db", "copy", str(tmp_path / "one"), url]) == 1 and "not empty" in capsys.readouterr().err
    assert main(["db", "copy", str(tmp_path / "none"), url]) == 2
    assert main(["db", "copy", str(tmp_path / "one"), "mysql://db/vain"]) == 2
    assert next_task(PostgresEngine(url)) == TASKS + 3
    with closing(PostgresEngine(url)) as beyond:
        assert json.loads(everything(beyond)["tasks"][-1][TABLES[0].columns.index("body")])["name"] == "next"


@pytest.mark.slow
def test_a_database_is_checked_beside_its_server_and_a_hole_is_named(
    postgres: PostgresServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url, folder = url_of(postgres.url, tmp_path), str(tmp_path / "data")
    engine = PostgresEngine(url, tmp_path / "data")
    assert main(["keys", "create", "me", "--role", "admin", "--data", folder]) == 0
    with closing(engine):
        capsys.readouterr()
        assert main(["db", "check", "--data", folder, "--store", url]) == 0
        assert "postgres: sound, 0 tasks, 0 events" in capsys.readouterr().out
    filled(PostgresEngine(url))
    with closing(PostgresEngine(url)) as engine:
        engine.begin()
        engine.connection.execute("DELETE FROM events WHERE seq = 7")
        engine.commit()
        assert main(["db", "check", "--data", folder, "--store", url]) == 1
        assert "1 events are missing, from the numbers 7 on" in capsys.readouterr().out
    assert main(["db", "check", "--data", folder, "--store", url.replace("/postgres", "/nothing")]) == 1
