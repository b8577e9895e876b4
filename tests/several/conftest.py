"""A PostgreSQL for servers that share one, and such servers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.nginx import MISSING, NGINX
from tests.several.asking import Asking
from tests.several.cluster import Cluster, cluster
from tests.store.conftest import postgres
from tests.store.engines import url_of
from tests.store.postgres_server import PostgresServer

__all__ = ["postgres"]


@pytest.fixture(scope="module")
def servers(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Three of them, each at its own address."""
    folder = tmp_path_factory.mktemp("servers")
    with cluster(folder, url_of(postgres.url, folder), behind_nginx=False) as running:
        yield running


@pytest.fixture
def at(servers: Cluster) -> Iterator[Asking]:
    """Asks each of them."""
    with closing(Asking(servers)) as asking:
        yield asking


@pytest.fixture
def behind_nginx(postgres: PostgresServer, tmp_path: Path) -> Iterator[Cluster]:
    """Three of them, and nginx before them."""
    if NGINX is None:
        pytest.skip(MISSING)
    with cluster(tmp_path, url_of(postgres.url, tmp_path), behind_nginx=True) as running:
        yield running
