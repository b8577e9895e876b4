"""A PostgreSQL for those tests that need one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.store.postgres_server import PostgresServer, postgres_server, programs


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One for all tests that leave it as it is."""
    if programs() is None:
        pytest.skip("no PostgreSQL here: `make test` unpacks one where Debian's packages can be had")
    with postgres_server() as server:
        yield server
