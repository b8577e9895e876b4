"""The benchmark over PostgreSQL counts commits that are really made."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from benchmarks.postgres import _table, bare
from tests.store.postgres_server import postgres_server, programs


@pytest.mark.slow
def test_a_bare_commit_is_a_row_that_is_there() -> None:
    if programs() is None:
        pytest.skip("no PostgreSQL here: `make test` unpacks one where Debian's packages can be had")

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
