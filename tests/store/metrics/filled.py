"""A history on disk with samples whose every value is known."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from tests.store.engines import archives
from vain.store.connection import Connection, Rows
from vain.store.metrics import queries
from vain.store.metrics.retention import Keep
from vain.store.metrics.store import MetricStore
from vain.store.postgres.archives import HostConnection

T0 = 1_789_992_000
"""A whole hour, and a whole day of UTC would be six hours earlier: in Unix seconds."""
HOUR, DAY = 3_600, 86_400
_WORDS = (
    (r"\b(raw|minutes|hours|task_rows|task_chunks|process_looks|process_hours)\b", r"metric_\1"),
    (r"x'([0-9a-f]+)'", r"decode('\1', 'hex')"),
    (r"zeroblob\((\d+)\)", r"decode(repeat('00', \1), 'hex')"),
    (r"CAST\((.*) AS BLOB\)", r"\1"),
)
"""What the tests say, as PostgreSQL says it."""


@contextmanager
def opened(folder: Path, **options: Any) -> Iterator[MetricStore]:
    """A store that is closed when the block ends; it keeps everything, as if now were the time of its samples."""
    histories = archives(folder)
    store = MetricStore(histories.own(""), **{"keep": Keep(None, None, None), "now": lambda: float(T0), **options})
    try:
        yield store
    finally:
        store.close()
        histories.close()


def fed(store: MetricStore, seconds: range, value: Callable[[int], float | None], name: str = "cpu.percent") -> None:
    """One sample for each second after ``T0``, as the recorder gives them, all committed."""
    for second in seconds:
        store.append(T0 + second, [(name, value(second))])
        if second % 500 == 499:
            store.flush()
    store.flush()


def sealed(store: MetricStore) -> int:
    """How many chunks of samples there are."""
    return store._read(lambda seen: len(list(seen.connection.execute(queries.RAW, (-(1 << 63), (1 << 63) - 1)))))


def imported(store: MetricStore, seconds: np.ndarray, values: np.ndarray, name: str = "cpu.percent") -> int:
    """Samples from elsewhere, at seconds after ``T0``."""
    t = np.rint((T0 + seconds) * 1_000).astype(np.int64)
    return store.import_rows(t, {name: values.astype(np.float64)})


def counted(store: MetricStore, table: str) -> int:
    """How many rows a table has."""
    with store._archive.changing() as connection:
        return int(_run(connection, f"SELECT count(*) FROM {table}").get)


def damage(store: MetricStore, change: str) -> None:
    """Change what is stored behind its back, in words of SQLite."""
    with store._archive.changing() as connection:
        _run(connection, change)


def _run(connection: Connection, text: str) -> Rows:
    if isinstance(connection, HostConnection):
        for pattern, words in _WORDS:
            text = re.sub(pattern, words, text)
        return connection._connection.rows(text, ())
    return connection.execute(text)


def size_of(store: MetricStore) -> int:
    """What its chunks take, as retention counts it."""
    pages, page_bytes = store._read(lambda seen: seen.connection.execute(queries.SIZE).get)
    return int(pages) * int(page_bytes)
