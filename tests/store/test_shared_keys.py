"""Keys in PostgreSQL: what one server changes holds at all of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import asyncpg
import pytest

from tests.store.engines import url_of
from tests.store.postgres_server import PostgresServer
from vain.errors import Misconfigured, NotFound, Unavailable
from vain.store import keys as ring_of_keys
from vain.store.database import Store
from vain.store.keys import SESSION_IDLE_SECONDS, KeyRing
from vain.store.postgres.engine import PostgresEngine
from vain.web.gate import require_key

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


@pytest.fixture
def url(postgres: PostgresServer, tmp_path: Path) -> str:
    """A schema of this test's own."""
    return url_of(postgres.url, tmp_path)


@pytest.fixture
def two(url: str, tmp_path: Path) -> Iterator[tuple[KeyRing, KeyRing]]:
    """Of two servers, each with a folder of its own."""
    with (
        closing(KeyRing.open(tmp_path / "a", store_url=url)) as a,
        closing(KeyRing.open(tmp_path / "b", store_url=url)) as b,
    ):
        yield a, b


def end_connections(url: str) -> None:
    async def main() -> None:
        beside = await asyncpg.connect(url)
        await beside.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'vain keys'"
        )
        await beside.close()

    asyncio.run(main())


def test_a_key_opens_and_ends_at_every_server(two: tuple[KeyRing, KeyRing]) -> None:
    a, b = two
    assert not b.any_keys()
    info, secret = a.create("laptop", "write")
    agent, agent_secret = a.create("gpu-3", "agent", host="gpu-3")
    assert b.identify(secret) is None, "until it looks"
    b.refresh()
    assert b.any_keys() and b.identify(secret) == info and b.identify(agent_secret) == agent
    assert b.identify(secret[:-1] + ("y" if secret[-1] == "x" else "x")) is None
    cookie = b.new_session(info.key_id)
    a.refresh()
    entered = a.session(cookie)
    assert entered is not None and entered.key_id == info.key_id
    b.end_session(cookie)
    a.refresh()
    assert a.session(cookie) is None
    b.revoke(info.key_id)
    a.refresh()
    assert a.identify(secret) is None and a.any_keys()
    with pytest.raises(NotFound):
        a.revoke("zzzzzzzz")


def test_what_a_server_used_is_written_down_and_wakes_nobody(two: tuple[KeyRing, KeyRing]) -> None:
    a, b = two
    info, secret = a.create("laptop", "write")
    b.refresh()
    before = b._database.has_changed()
    assert b.identify(secret) == info
    b.save_use()
    assert (before, a._database.has_changed()) == (False, False)
    a.create("another", "read")  # whoever writes reads all anew
    assert next(each for each in a.list() if each.key_id == info.key_id).last_used_at is not None


def test_a_session_that_is_used_at_one_server_is_awake_at_the_others(url: str, tmp_path: Path) -> None:
    now = time.time()
    with (
        closing(KeyRing.open(tmp_path, lambda: now, url)) as a,
        closing(KeyRing.open(tmp_path, lambda: now, url)) as b,
    ):
        cookie = a.new_session(a.create("me", "admin")[0].key_id)
        b.refresh()
        for _ in range(3):
            now += SESSION_IDLE_SECONDS / 2
            assert a.session(cookie) is not None
            a.save_use()
            b.save_use()
        assert b.session(cookie) is not None


def test_another_database_behind_the_address_is_read_whatever_its_count(two: tuple[KeyRing, KeyRing], url: str) -> None:
    a, b = two
    info, secret = a.create("laptop", "write")
    b.refresh()
    a._database._connection.command(  # type: ignore[attr-defined]
        "DELETE FROM keys WHERE key_id = '" + info.key_id + "'"
    )
    b.refresh()
    assert b.identify(secret) == info
    end_connections(url)
    for _ in range(2):
        with suppress(Unavailable):
            b.refresh()
    assert b.identify(secret) is None


def test_a_folder_with_keys_does_not_open_because_the_database_has_none(url: str, tmp_path: Path) -> None:
    with closing(KeyRing.open(tmp_path / "a", store_url=url)) as ring:
        require_key("127.0.0.1", ring)
    with closing(KeyRing.open(tmp_path / "a")) as before:
        before.create("laptop", "write")
    with closing(KeyRing.open(tmp_path / "a", store_url=url)) as ring:
        with pytest.raises(Misconfigured, match="do not count beside --store"):
            require_key("127.0.0.1", ring)
        ring.create("laptop", "write")
        require_key("127.0.0.1", ring)


def test_servers_are_told_at_once(two: tuple[KeyRing, KeyRing], url: str, tmp_path: Path) -> None:
    a, b = two

    class Others:
        def happened(self, events: object) -> None:
            raise AssertionError

        def kept_changed(self) -> None:
            b.refresh()

        def diverged(self) -> None:
            raise AssertionError

    async def main() -> float:
        store = Store(PostgresEngine(url, tmp_path / "store"), lambda events: None)
        store.follow_others(Others())
        await asyncio.sleep(0.5)
        info, secret = await asyncio.to_thread(a.create, "laptop", "write")
        began = time.monotonic()
        while b.identify(secret) != info and time.monotonic() - began < 5:  # noqa: ASYNC110  (it is what is measured)
            await asyncio.sleep(0.002)
        took = time.monotonic() - began
        assert b.identify(secret) == info
        await asyncio.to_thread(store.close)
        return took

    assert asyncio.run(main()) < 5


def test_connections_that_are_ended_are_made_again(two: tuple[KeyRing, KeyRing], url: str) -> None:
    a, b = two
    info, secret = a.create("laptop", "write")
    b.refresh()
    end_connections(url)
    assert b.identify(secret) == info, "what is known is known"
    for ring, work in ((a, lambda: a.create("another", "read")), (b, b.refresh)):
        for _ in range(2):
            try:
                work()
                break
            except Unavailable:
                continue
        else:
            pytest.fail(f"{ring} did not connect again")
    assert b.identify(secret) == info


def test_what_was_not_looked_at_for_a_minute_lets_nobody_in(
    two: tuple[KeyRing, KeyRing], monkeypatch: pytest.MonkeyPatch
) -> None:
    a, _ = two
    info, secret = a.create("laptop", "write")
    monkeypatch.setattr(ring_of_keys, "BELIEF_SECONDS", -1.0)
    for ask in (a.identify, a.session):
        with pytest.raises(Unavailable, match="cannot be reached"):
            ask(secret)
    assert a.is_valid(info.key_id), "who is in stays in"
    monkeypatch.undo()
    assert a.identify(secret) == info


def test_servers_share_a_secret_and_notes(two: tuple[KeyRing, KeyRing]) -> None:
    a, b = two
    assert a.secret("session.secret") == b.secret("session.secret") != a.secret("another")
    assert len(a.secret("session.secret")) == 64
    assert a.note("rules") == ""
    a.set_note("rules", "one")
    b.set_note("rules", "two")
    assert a.note("rules") == "two"


def test_keys_can_be_made_before_any_server_and_not_where_there_is_no_database(url: str, tmp_path: Path) -> None:
    with closing(KeyRing.open(tmp_path, store_url=url)) as ring:
        ring.create("first", "admin")
    PostgresEngine(url, tmp_path / "data").close()
    with closing(KeyRing.open(tmp_path, store_url=url)) as ring:
        assert [each.name for each in ring.list()] == ["first"]
    with pytest.raises(Misconfigured, match="cannot be read"):
        KeyRing.open(tmp_path, store_url=url.replace("/postgres", "/no_such_database"))
