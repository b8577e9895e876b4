"""The history of metrics in PostgreSQL: what a sample takes, how long windows take, one metric of a thousand hosts."""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import asyncpg
import numpy as np

from benchmarks import history_data
from benchmarks.agent_clients import sample
from benchmarks.report import Section, Table, Target
from benchmarks.rounds import spread
from tests.store.postgres_server import postgres_server
from vain.bands import MetricQuery
from vain.fleet.overview import grid_of, history_of, rows_of_all
from vain.hosts import HostsHistory, HostsQuery
from vain.samples import series
from vain.store.metrics.retention import Keep
from vain.store.metrics.store import MetricStore
from vain.store.postgres.archives import PostgresArchives
from vain.store.postgres.engine import PostgresEngine

DAYS, ROUNDS, HOSTS = 5, 9, 1_000
HOUR, DAY = 3_600, 86_400
MONTH = 30 * DAY
HOT_SECONDS = 1_200
SEALED = 6
MOST_BYTES, MOST_MONTH_MS = 1.5, 300.0
SERIES = ("cpu.percent", "memory.percent", "disk.percent:/", "load.1m", *(f"cpu.core.percent:{n}" for n in range(16)))
COPIED = {
    "metric_series": "series_id, name, labels",
    "metric_layouts": "layout_id, series",
    "metric_hours": "id, v",
    "metric_minutes": "id, v",
    "metric_hot": "t, layout_id, v",
}
SIZE = "SELECT sum(pg_total_relation_size(oid))::bigint FROM pg_class WHERE relname LIKE 'metric%' AND relkind = 'r'"
METHOD = f"""PostgreSQL, with `fsync` and `synchronous_commit` on, on this machine. First {DAYS} days of twenty series
as in the benchmark `history`, sealed: `pg_total_relation_size` of all tables by the samples, and {ROUNDS} reads by a
call without HTTP. Then {HOSTS:,} hosts, each with the roll-ups of a month of twenty series (minutes of one of them) and
{HOT_SECONDS:,} samples that are not sealed: one metric of all, as `GET /performance/hosts` tells it.
And what it takes to seal an hour of a host."""


def measure() -> Section:
    """About a minute."""
    with postgres_server(fsync=True) as database, tempfile.TemporaryDirectory(prefix="vain-benchmark-") as folder:
        PostgresEngine(database.url, Path(folder)).close()
        archives = PostgresArchives(database.url)
        bytes_each, windows = _one_host(database.url, archives)
        fleet = _fleet(database.url, archives)
        sealed = _sealed(archives)
        archives.close()
    tables = [
        Table(["a sample of a second, sealed", "bytes"], [["20 series", f"{bytes_each:.2f}"]]),
        Table(["one series", "ms"], [[name, spread(found).text()] for name, found in windows.items()]),
        Table(["an hour of a host with 61 series is sealed", "CPU (ms)"], [["", spread(sealed).text(0)]]),
        Table(
            [f"one metric of {HOSTS:,} hosts", "ms"], [[name, spread(found).text(0)] for name, found in fleet.items()]
        ),
    ]
    targets = [
        Target("bytes a sample", bytes_each, MOST_BYTES),
        Target(f"ms until a month of {HOSTS:,} hosts is told", spread(fleet["30 d"]).median, MOST_MONTH_MS),
    ]
    return Section("history-postgres", "The history over PostgreSQL", METHOD, tables, targets)


def _one_host(url: str, archives: PostgresArchives) -> tuple[float, dict[str, list[float]]]:
    store = MetricStore(archives.own("one"), keep=Keep(None, None, None))
    end, samples = int(time.time()) // DAY * DAY, 0
    for t, values in history_data.days(DAYS, end):
        store.import_rows(t, values)
        samples += len(t) * len(values)
    size = asyncio.run(_asked(url, "VACUUM", SIZE))
    questions = {"last hour, raw": (HOUR, 4_000), "a day": (DAY, 1_000), f"{DAYS} days": (DAYS * DAY, 1_000)}
    found = {}
    for name, (seconds, points) in questions.items():
        query = MetricQuery(end - seconds, end, ("cpu.percent",), points)
        found[name] = [_milliseconds(lambda query=query: store.window(query)) for _ in range(ROUNDS)]
    store.close()
    return size / samples, found


def _sealed(archives: PostgresArchives) -> list[float]:
    """CPU of this process while an hour becomes chunks, in milliseconds; the first, into an empty day, is left out."""
    store = MetricStore(archives.own("sealed"), keep=Keep(None, None, None), most_pending=HOUR, commit_seconds=HOUR)
    rng, begin, took = random.Random(1), int(time.time()) // DAY * DAY - DAY, []
    rows = [[pair for pair in series(sample(0.0, "x", rng)) if not pair[0].startswith("tasks.")] for _ in range(900)]
    for hour in range(SEALED):
        for second in range(HOUR):
            store.append(begin + hour * HOUR + second, rows[second % len(rows)])
            if second % 600 == 0:
                store.flush()
        store.flush()
        used = time.process_time()
        store.append(begin + (hour + 1) * HOUR, rows[0])
        store.flush()
        took.append(1_000 * (time.process_time() - used))
    store.close()
    return took[1:]


def _fleet(url: str, archives: PostgresArchives) -> dict[str, list[float]]:
    now, random = int(time.time()) // HOUR * HOUR, np.random.default_rng(1)
    store = MetricStore(archives.own("node-0"), 60.0, Keep(raw_seconds=0.0), most_pending=HOT_SECONDS)
    t = (np.arange(now - MONTH, now, 60) * 1_000).astype(np.int64)
    store.import_rows(t, {name: np.round(random.random(len(t)) * 100, 1) for name in SERIES})
    store.forget()
    for second in range(HOT_SECONDS):
        store.append(now + second, [(name, float(second % 100)) for name in SERIES])
    store.flush()
    store.close()
    asyncio.run(_asked(url, *_copies(), "VACUUM ANALYZE", "SELECT 1"))
    names, end = [f"node-{number}" for number in range(HOSTS)], now + HOT_SECONDS
    windows = {"30 d": (MONTH, 180), "7 d": (7 * DAY, 180), "24 h": (DAY, 180), "1 h": (HOUR, 120)}
    found = {}
    for name, (seconds, points) in windows.items():
        query = HostsQuery(end - seconds, end, "cpu.percent", points, 200)
        told = _told(query, archives, names)
        if any(row.mean is None for row in told.hosts):
            raise RuntimeError("a host was not told of: the figures mean nothing")
        found[name] = [_milliseconds(lambda query=query: _told(query, archives, names)) for _ in range(ROUNDS)]
    return found


def _told(query: HostsQuery, archives: PostgresArchives, names: list[str]) -> HostsHistory:
    t, step = grid_of(query)
    rows = rows_of_all(query, t, step, archives, names)
    assert rows is not None
    return history_of(query, t, step, rows)


def _copies() -> list[str]:
    """The rows of the first node for all others."""
    node = "(SELECT host_id FROM metric_hosts WHERE name = 'node-0')"
    found = [f"INSERT INTO metric_hosts (name) SELECT 'node-' || n FROM generate_series(1, {HOSTS - 1}) AS n"]
    for table, columns in COPIED.items():
        condition = "AND id >> 32 = 1" if table == "metric_minutes" else ""
        theirs = ", ".join(f"c.{column}" for column in columns.split(", "))
        found.append(
            f"INSERT INTO {table} ({columns}, host_id) SELECT {theirs}, h.host_id "
            f"FROM (SELECT {columns} FROM {table} WHERE host_id = {node} {condition}) AS c "
            "CROSS JOIN metric_hosts AS h WHERE h.name LIKE 'node-%' AND h.name <> 'node-0'"
        )
    return found


def _milliseconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1_000


async def _asked(url: str, *texts: str) -> int:
    connection = await asyncpg.connect(url, command_timeout=300)
    try:
        for text in texts[:-1]:
            await connection.execute(text)
        return int(await connection.fetchval(texts[-1]))
    finally:
        await connection.close()
