"""The same history in one wide table, as SQLite and DuckDB would keep it: a row for each second, a column a series.

Both are asked in this process, without a server: what they give is what a program would have before it makes JSON.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import apsw
import duckdb
import numpy as np
import numpy.typing as npt

from benchmarks.history_data import Floats, Integers, rows

Answer = npt.NDArray[np.float64]
"""One row for each bucket: when it begins (milliseconds), then mean, min and max of each series."""


class WideHistory(Protocol):
    """What the benchmark does with a peer."""

    def add(self, t: Integers, columns: Mapping[str, Floats]) -> None:
        """Store a day."""

    def finish(self) -> int:
        """Everything into the file; its size in bytes."""

    def raw(self, place: int, begin: int, end: int) -> Answer:
        """Times and values of one series between two times in milliseconds."""

    def reduced(self, places: Sequence[int], begin: int, end: int, step: int) -> Answer:
        """Mean, min and max of each bucket of ``step`` milliseconds."""

    def close(self) -> None:
        """Let go of the file."""


def _bands(places: Sequence[int]) -> str:
    return ", ".join(f"avg(s{place}), min(s{place}), max(s{place})" for place in places)


class WideSqlite:
    """apsw, with the pragmas that vAIn sets; the time is the key of the table, so it needs no index."""

    def __init__(self, path: Path, series: int) -> None:
        self._path = path
        self._connection = apsw.Connection(str(path))
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "cache_size = -4096"):
            self._connection.execute(f"PRAGMA {pragma}").fetchall()
        columns = ", ".join(f"s{place} REAL" for place in range(series))
        self._connection.execute(f"CREATE TABLE samples (t INTEGER PRIMARY KEY, {columns})")
        self._insert = f"INSERT INTO samples VALUES ({', '.join('?' * (series + 1))})"

    def add(self, t: Integers, columns: Mapping[str, Floats]) -> None:
        self.add_rows(rows(t, columns))

    def add_rows(self, bound: object) -> None:
        """Rows of time and values, in one transaction."""
        with self._connection:
            self._connection.executemany(self._insert, bound)  # type: ignore[arg-type]  # any iterable of rows

    def finish(self) -> int:
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        return self._path.stat().st_size

    def raw(self, place: int, begin: int, end: int) -> Answer:
        query = f"SELECT t, s{place} FROM samples WHERE t >= ? AND t < ? ORDER BY t"
        return np.array(self._connection.execute(query, (begin, end)).fetchall(), np.float64)

    def reduced(self, places: Sequence[int], begin: int, end: int, step: int) -> Answer:
        query = f"SELECT t / ? * ?, {_bands(places)} FROM samples WHERE t >= ? AND t < ? GROUP BY 1 ORDER BY 1"
        return np.array(self._connection.execute(query, (step, step, begin, end)).fetchall(), np.float64)

    def close(self) -> None:
        self._connection.close(True)


class WideDuckDb:
    """A table in the order of time, which DuckDB skips through by the least and largest time of each of its blocks."""

    def __init__(self, path: Path, series: int) -> None:
        self._path, self._series = path, series
        self._connection = duckdb.connect(str(path))
        columns = ", ".join(f"s{place} DOUBLE" for place in range(series))
        self._connection.execute(f"CREATE TABLE samples (t BIGINT, {columns})")

    def add(self, t: Integers, columns: Mapping[str, Floats]) -> None:
        self._connection.register("day", {"t": t, **columns})
        self._connection.execute("INSERT INTO samples SELECT * FROM day")
        self._connection.unregister("day")

    def finish(self) -> int:
        self._connection.execute("CHECKPOINT")
        return self._path.stat().st_size

    def raw(self, place: int, begin: int, end: int) -> Answer:
        return self._asked(f"SELECT t, s{place} FROM samples WHERE t >= ? AND t < ? ORDER BY t", [begin, end])

    def reduced(self, places: Sequence[int], begin: int, end: int, step: int) -> Answer:
        query = f"SELECT t // ? * ?, {_bands(places)} FROM samples WHERE t >= ? AND t < ? GROUP BY 1 ORDER BY 1"
        return self._asked(query, [step, step, begin, end])

    def close(self) -> None:
        self._connection.close()

    def _asked(self, query: str, values: list[int]) -> Answer:
        columns = self._connection.execute(query, values).fetchnumpy()
        return np.column_stack([np.asarray(column, np.float64) for column in columns.values()])
