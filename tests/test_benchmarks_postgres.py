"""The benchmarks over PostgreSQL count commits that are really made, and agents that really report."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from benchmarks.postgres import _table, bare
from benchmarks.postgres_agents import Scale, measure
from tests.store.postgres_server import postgres_server, programs

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        programs() is None, reason="no PostgreSQL here: `make test` unpacks one where Debian's packages can be had"
    ),
]


def test_a_bare_commit_is_a_row_that_is_there() -> None:
    async def rows(url: str) -> int:
        connection = await asyncpg.connect(url)
        try:
            return int(await connection.fetchval("SELECT count(*) FROM bare"))
        finally:
            await connection.close()

    with postgres_server() as server:
        asyncio.run(_table(server.url))
        rate, _ = bare(server.url, 3, 0.5)
        assert rate > 0 and asyncio.run(rows(server.url)) == round(rate * 0.5)


def test_agents_are_measured_minute_by_minute() -> None:
    section = measure(Scale(count=5, seconds=8, fewer=(2,), fewer_seconds=6, ramp_seconds=1.0))
    minutes, costs = section.tables
    assert len(minutes.rows) == 1 and all(float(cell) >= 0 for cell in minutes.rows[0])
    assert [row[:2] for row in costs.rows] == [["2", "1"], ["5", "1"], ["5", "2"]]
    assert all(float(row[4]) > 0 for row in costs.rows)
    assert section.targets[0].is_met
