"""Are the chunks of the history whole, and do they fit together? Reads all of them, one series after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby, islice
from typing import TypeVar

import apsw
import numpy as np

from vain import chunks
from vain.bands import Bands, Integers
from vain.errors import StoreDamaged
from vain.store.connection import Connection
from vain.store.metrics import process_looks, queries, task_series
from vain.store.metrics.periods import BLOCK_HOURS, HOUR_MS, MINUTES_OF_DAY, chunk_id, period_of
from vain.store.metrics.sealing import HOURS_OF_DAY, MINUTES_OF_HOUR

T = TypeVar("T")

MOST_PROBLEMS = 20
_EVERYTHING = -(1 << 63), (1 << 63) - 1
_SLACK = 1e-9

Problems = list[str]


def damaged_chunks(connection: apsw.Connection, most: int = MOST_PROBLEMS) -> list[str]:
    """What is wrong with the chunks of a file, as ``problems_of`` says it. Raises what apsw raises."""
    begun = not connection.in_transaction
    if begun:  # one snapshot, or an hour that is sealed meanwhile would look as if half of it were there
        connection.execute("BEGIN")
    try:
        return problems_of(connection, most)
    finally:
        if begun:
            connection.execute("COMMIT")


def problems_of(connection: Connection, most: int = MOST_PROBLEMS) -> list[str]:
    """What is wrong with the chunks of one host, as sentences, at most that many; an empty list if all is well.

    Everything is unpacked; the values of an hour must be as many as its times, roll-ups must have all slots of their
    period and stand for no fewer samples than there are. Blocks: some 0.1 ms for each chunk.
    """
    return list(islice(_problems(connection), most))


def _problems(connection: Connection) -> Iterator[str]:
    lengths: dict[int, int] = {}
    problems: Problems = []
    for identifier, packed in connection.execute(queries.TIMES, _EVERYTHING):
        t = _unpacked("times", identifier, packed, chunks.unpack_integers, problems)
        lengths[identifier] = 0 if t is None else len(t)
        if t is not None and not _are_times_of_an_hour(t):
            problems.append(_told("times", identifier, "Its times are out of order or outside of its hour."))
        yield from _emptied(problems)
    for task_id, hour in task_series.damaged(connection):
        yield f"The samples of task {task_id} in hour {hour} since 1970 cannot be read."
    for hour in process_looks.damaged(connection):
        yield f"The busiest processes of hour {hour} since 1970 cannot be read."
    hosts = dict(connection.execute(queries.HOSTS_OF_SERIES))
    yield from _roll_up_problems(connection, queries.MINUTES, "minutes", MINUTES_OF_DAY)
    yield from _roll_up_problems(connection, queries.HOURS, "hours", BLOCK_HOURS)
    rows = connection.execute(queries.RAW, _EVERYTHING)
    for series, of_series in groupby(rows, key=lambda row: row[0] >> 32):
        if series not in hosts:
            yield f"There are chunks of a series {series} that has no name."
            continue
        yield from _raw_problems(connection, series, hosts[series], of_series, lengths)


def _raw_problems(
    connection: Connection, series: int, host: int, rows: Iterable[tuple[int, bytes]], lengths: dict[int, int]
) -> Iterator[str]:
    """An hour's values beside its times and beside the roll-ups of the same hour."""
    roll_ups = _RollUps(connection, series)
    problems: Problems = []
    for identifier, packed in rows:
        values = _unpacked("raw", identifier, packed, chunks.unpack, problems)
        if values is not None:
            hour = period_of(identifier)
            expected = lengths.get(chunk_id(host, hour), 0)
            if len(values) != expected:
                problems.append(_told("raw", identifier, f"It has {len(values)} values for {expected} times."))
            known = int(np.count_nonzero(~np.isnan(values)))
            for table, count in roll_ups.counts(hour):
                if 0 < count < known:
                    detail = f"Its {known} values are only {count} in the roll-ups of {table}."
                    problems.append(_told("raw", identifier, detail))
        yield from _emptied(problems)


class _RollUps:
    """How many samples the roll-ups of a series stand for; asked hour by hour, they are unpacked once."""

    def __init__(self, connection: Connection, series: int) -> None:
        self._connection, self._series = connection, series
        self._counts: dict[str, tuple[int, Integers]] = {}

    def counts(self, hour: int) -> Iterator[tuple[str, int]]:
        """Of one hour, by table; 0 where there is none: the tiers are not kept equally long."""
        day, hour_of_day = divmod(hour, HOURS_OF_DAY)
        minutes = self._of("minutes", queries.MINUTES, day)
        begin = hour_of_day * MINUTES_OF_HOUR
        yield "minutes", int(minutes[begin : begin + MINUTES_OF_HOUR].sum())
        block, slot = divmod(hour, BLOCK_HOURS)
        yield "hours", int(self._of("hours", queries.HOURS, block)[slot : slot + 1].sum())

    def _of(self, table: str, query: str, period: int) -> Integers:
        known = self._counts.get(table)
        if known is None or known[0] != period:
            identifier = chunk_id(self._series, period)
            row = self._connection.execute(query, (identifier, identifier)).fetchone()
            bands = None if row is None else _unpacked(table, identifier, row[1], chunks.unpack_bands, [])
            known = period, np.empty(0, np.int64) if bands is None else bands.count
            self._counts[table] = known
        return known[1]


def _roll_up_problems(connection: Connection, query: str, table: str, slots: int) -> Iterator[str]:
    problems: Problems = []
    for identifier, packed in connection.execute(query, _EVERYTHING):
        bands = _unpacked(table, identifier, packed, chunks.unpack_bands, problems)
        if bands is not None:
            if len(bands.count) != slots:
                problems.append(_told(table, identifier, f"It has {len(bands.count)} slots, not {slots}."))
            elif not _are_bands(bands):
                problems.append(_told(table, identifier, "A mean is not between the least and the largest value."))
        yield from _emptied(problems)


def _are_times_of_an_hour(t: Integers) -> bool:
    return len(t) > 0 and int(t[0]) >= 0 and int(t[-1]) < HOUR_MS and bool(np.all(np.diff(t) > 0))


def _are_bands(bands: Bands) -> bool:
    filled = bands.count > 0
    low, mean, high = bands.min[filled], bands.mean[filled], bands.max[filled]
    slack = np.maximum(np.abs(low), np.abs(high)) * _SLACK
    return bool(np.all(bands.count >= 0) and np.all(low - slack <= mean) and np.all(mean <= high + slack))


def _unpacked(table: str, identifier: int, packed: bytes, unpack: Callable[[bytes], T], problems: Problems) -> T | None:
    """What a chunk holds; None, and a problem more, if it cannot be read."""
    try:
        return unpack(packed)
    except StoreDamaged as error:
        problems.append(_told(table, identifier, error.detail))
        return None


def _told(table: str, identifier: int, problem: str) -> str:
    return f"Chunk {identifier >> 32}/{period_of(identifier)} of {table}: {problem}"


def _emptied(problems: Problems) -> Iterator[str]:
    yield from problems
    problems.clear()
