"""A history on disk with samples whose every value is known."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from vain.store.metrics.retention import Keep
from vain.store.metrics.store import MetricStore

T0 = 1_789_992_000
"""A whole hour, and a whole day of UTC would be six hours earlier: in Unix seconds."""
HOUR, DAY = 3_600, 86_400


@contextmanager
def opened(folder: Path, **options: Any) -> Iterator[MetricStore]:
    """A store that is closed when the block ends; it keeps everything, as if now were the time of its samples."""
    store = MetricStore(folder, **{"keep": Keep(None, None, None), "now": lambda: float(T0), **options})
    try:
        yield store
    finally:
        store.close()


def fed(store: MetricStore, seconds: range, value: Callable[[int], float | None], name: str = "cpu.percent") -> None:
    """One sample for each second after ``T0``, as the recorder gives them, all committed."""
    for second in seconds:
        store.append(T0 + second, [(name, value(second))])
        if second % 500 == 499:
            store.flush()
    store.flush()


def sealed(store: MetricStore) -> int:
    """How many chunks of samples there are."""
    return int(store._read(lambda seen: seen.connection.execute("SELECT count(*) FROM raw").get))


def imported(store: MetricStore, seconds: np.ndarray, values: np.ndarray, name: str = "cpu.percent") -> int:
    """Samples from elsewhere, at seconds after ``T0``."""
    t = np.rint((T0 + seconds) * 1_000).astype(np.int64)
    return store.import_rows(t, {name: values.astype(np.float64)})


def damage(store: MetricStore, change: str) -> None:
    """Change what is stored behind its back, in words of SQLite."""
    with store._archive.changing() as connection:
        connection.execute(change)
