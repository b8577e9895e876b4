"""The checker sees: of a log that is numbered by a sequence it tells what is lost, of ours in small nothing."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from itertools import count
from pathlib import Path

import asyncpg
import pytest

from tests.several.checker import Answered, Numbers, lost
from tests.store.engines import url_of
from tests.store.postgres_server import PostgresServer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(90)]

WRITERS, SECONDS, POLL_SECONDS = 16, 3.0, 0.005
LONGEST_SECONDS, LONG_SHARE = 0.03, 0.3
"""So long some transactions stay open after they took their number."""
Insert = Callable[[asyncpg.Connection, int, int, float], Awaitable[object]]


async def by_a_sequence(connection: asyncpg.Connection, writer: int, number: int, pause: float) -> None:
    """Whoever comes first gets the smaller number, and may commit last."""
    await connection.execute("INSERT INTO told (writer, number) VALUES ($1, $2)", writer, number)
    await asyncio.sleep(pause)


async def by_a_locked_row(connection: asyncpg.Connection, writer: int, number: int, pause: float) -> None:
    """As ``vain/store/postgres/head.py`` does it."""
    await asyncio.sleep(pause)
    seq = await connection.fetchval("UPDATE newest SET seq = seq + 1 RETURNING seq")
    await connection.execute("INSERT INTO told VALUES ($1, $2, $3)", seq, writer, number)


async def written(url: str, insert: Insert, writer: int, until: float) -> list[Answered]:
    """One transaction for each change. They are answered when they are committed."""
    connection, answered, chance = await asyncpg.connect(url), list[Answered](), random.Random(writer)
    for number in count():
        if time.monotonic() > until:
            break
        pause = chance.uniform(0, LONGEST_SECONDS) if chance.random() < LONG_SHARE else 0.0
        async with connection.transaction():
            await insert(connection, writer, number, pause)
        answered.append(Answered(time.monotonic(), [(writer, number)]))
    await connection.close()
    return answered


async def followed(url: str, ended: asyncio.Event) -> tuple[Numbers, dict[tuple[int, int], int]]:
    """What is found by asking for what follows the newest that is known, once more after the end."""
    connection, numbers, seen = await asyncpg.connect(url), Numbers(), dict[tuple[int, int], int]()
    is_last = False
    while not is_last:
        is_last = ended.is_set()
        query = "SELECT seq, writer, number FROM told WHERE seq > $1 ORDER BY seq"
        for seq, writer, number in await connection.fetch(query, numbers.last):
            numbers.take(seq)
            seen[writer, number] = seq
        await asyncio.sleep(POLL_SECONDS)
    await connection.close()
    return numbers, seen


async def judged(url: str, insert: Insert) -> tuple[int, int, int]:
    """How many changes were answered, how many of them the follower never saw, and how many numbers it missed."""
    connection = await asyncpg.connect(url)
    await connection.execute("""
        DROP TABLE IF EXISTS told, newest;
        CREATE TABLE told (seq bigserial PRIMARY KEY, writer integer NOT NULL, number integer NOT NULL);
        CREATE TABLE newest AS SELECT 0::bigint AS seq;
        """)
    await connection.close()
    until, ended = time.monotonic() + SECONDS, asyncio.Event()
    following = asyncio.create_task(followed(url, ended))
    answers = await asyncio.gather(*(written(url, insert, writer, until) for writer in range(WRITERS)))
    ended.set()
    numbers, seen = await following
    answered = [each for some in answers for each in some]
    return len(answered), len(lost(answered, seen)), numbers.gaps


def test_by_a_sequence_events_are_lost_and_it_is_seen(postgres: PostgresServer, tmp_path: Path) -> None:
    answered, missing, gaps = asyncio.run(judged(url_of(postgres.url, tmp_path), by_a_sequence))
    assert answered > 500 and missing > 0 and gaps > 0, (answered, missing, gaps)
    # Nothing was rolled back, so each number that was skipped is an event that nobody was told of.
    assert missing == gaps


def test_by_a_locked_row_none_is(postgres: PostgresServer, tmp_path: Path) -> None:
    answered, missing, gaps = asyncio.run(judged(url_of(postgres.url, tmp_path), by_a_locked_row))
    assert answered > 100
    assert (missing, gaps) == (0, 0)
