"""From rows to chunks: an hour's samples become compressed columns, and roll-ups of their minutes and hours.

What comes late (an import, a clock that was set back) is merged into the hour's chunk, and its roll-ups are made anew
from all of it. Where the samples of that hour are gone already, and only the roll-ups are kept, what comes late is
added to them. Everything is worked out first, so that writing it is short. Pure but for reading what is stored.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeVar

import numpy as np

from vain import chunks
from vain.bands import Bands, Floats, Integers, Rows, of_values, reduced, unknown, usual_period_ms
from vain.catalog import mean_decimals, metric_of
from vain.codec import encode
from vain.errors import StoreDamaged
from vain.store.connection import Connection
from vain.store.metrics import queries
from vain.store.metrics.book import OWN_HOST, SeriesBook
from vain.store.metrics.periods import (
    BLOCK_HOURS,
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    MINUTES_OF_DAY,
    chunk_id,
)

logger = logging.getLogger(__name__)

T = TypeVar("T")

SNAP_MS = 500
HOURS_OF_DAY = 24
MINUTES_OF_HOUR = 60

Columns = Mapping[int, Floats]
"""Values by the number of their series."""


class Chunks(NamedTuple):
    """What is to be written: id and bytes, for each table."""

    times: list[tuple[int, bytes]]
    raw: list[tuple[int, bytes]]
    minutes: list[tuple[int, bytes]]
    hours: list[tuple[int, bytes]]

    def put(self, connection: Connection) -> None:
        """Write it inside the transaction that is open."""
        connection.executemany(queries.PUT_TIMES, self.times)
        connection.executemany(queries.PUT_RAW, self.raw)
        connection.executemany(queries.PUT_MINUTES, self.minutes)
        connection.executemany(queries.PUT_HOURS, self.hours)


class _Day(NamedTuple):
    """The whole hours of a day that were touched, as they now are."""

    times: list[Integers]
    columns: list[Columns]
    hours: dict[int, dict[int, bool]]
    """The hours (since 1970) of each series, and whether what is here comes on top of their roll-ups, because older
    samples of the series are gone; if not, every sample is here."""


def chunks_of(connection: Connection, book: SeriesBook, t: Integers, values: Columns, snap: bool = False) -> Chunks:
    """The chunks for samples at ``t`` (milliseconds, ascending, each once), merged with those that are stored.

    With ``snap`` a sample takes the time of a stored one that it stands beside, see ``_snapped``.
    """
    made, blocks = Chunks([], [], [], []), dict[int, Bands]()
    for day in np.unique(t // DAY_MS).tolist():
        part = _window(t, day * DAY_MS, (day + 1) * DAY_MS)
        fresh = {s: column[part] for s, column in values.items()}
        touched = _day(connection, book, t[part], fresh, made, blocks, snap)
        _roll_up(connection, book, day, touched, made, blocks)
    made.hours.extend(
        (identifier, chunks.pack_bands(block)) for identifier, block in blocks.items() if block.count.any()
    )
    return made


def _day(
    connection: Connection,
    book: SeriesBook,
    t: Integers,
    values: Columns,
    made: Chunks,
    blocks: dict[int, Bands],
    snap: bool,
) -> _Day:
    day = _Day([], [], {})
    for hour in np.unique(t // HOUR_MS).tolist():
        part = _window(t, hour * HOUR_MS, (hour + 1) * HOUR_MS)
        t_hour, fresh = t[part], {s: column[part] for s, column in values.items()}
        _read_blocks(connection, blocks, fresh, hour)
        gone = {s for s in fresh if _is_gone(connection, blocks, s, hour)}
        stored_t = _stored_times(connection, hour)
        if stored_t is not None:
            t_hour, fresh = _merged(connection, book, hour, stored_t, t_hour, fresh, snap)
        # Stored, they would pass for all the samples of their hour when the next ones come late.
        kept = {s: column for s, column in fresh.items() if s not in gone and not np.isnan(column).all()}
        if kept:
            made.times.append((chunk_id(OWN_HOST, hour), chunks.pack_integers(t_hour - hour * HOUR_MS)))
        made.raw.extend((chunk_id(series, hour), chunks.pack(column)) for series, column in kept.items())
        for series in fresh:
            day.hours.setdefault(series, {})[hour] = series in gone
        day.times.append(t_hour)
        day.columns.append(fresh)
    return day


def _is_gone(connection: Connection, blocks: dict[int, Bands], series: int, hour: int) -> bool:
    """Whether a series has a roll-up of an hour whose samples were deleted."""
    if not blocks[_block_of(series, hour)].count[hour % BLOCK_HOURS]:
        return False
    identifier = chunk_id(series, hour)
    return connection.execute(queries.RAW, (identifier, identifier)).fetchone() is None


def _read_blocks(connection: Connection, blocks: dict[int, Bands], wanted: Iterable[int], hour: int) -> None:
    """The hourly roll-ups among which an hour of these series is, to be changed."""
    unread = [identifier for series in wanted if (identifier := _block_of(series, hour)) not in blocks]
    if unread:
        blocks |= _stored_bands(connection, queries.HOURS_OF, unread, BLOCK_HOURS)


def _block_of(series: int, hour: int) -> int:
    return chunk_id(series, hour // BLOCK_HOURS)


def _merged(
    connection: Connection, book: SeriesBook, hour: int, before: Integers, t: Integers, fresh: Columns, snap: bool
) -> tuple[Integers, dict[int, Floats]]:
    """The stored samples of an hour and new ones as one; where both have a value, the new one stands."""
    stored = _stored_columns(connection, book, hour, len(before))
    if snap:
        t = _snapped(t, fresh, before, stored)
    union = np.union1d(before, t)
    at_before, at = np.searchsorted(union, before), np.searchsorted(union, t)
    merged: dict[int, Floats] = {}
    for series in (*stored, *(series for series in fresh if series not in stored)):
        column = np.full(len(union), np.nan)
        if series in stored:
            column[at_before] = stored[series]
        if series in fresh:
            known = ~np.isnan(fresh[series])
            column[at[known]] = fresh[series][known]
        merged[series] = column
    return union, merged


def _stored_columns(connection: Connection, book: SeriesBook, hour: int, count: int) -> dict[int, Floats]:
    """The samples of an hour by series; what does not fit its times was damaged."""
    found = {s: _stored(connection, queries.RAW, chunk_id(s, hour), chunks.unpack) for s in book.names}
    return {series: column for series, column in found.items() if column is not None and len(column) == count}


def _snapped(t: Integers, fresh: Columns, stored_t: Integers, stored: Columns) -> Integers:
    """The times of new samples, each of them that of a stored one if it is another figure of the same moment.

    That is so if it is nearer than ``SNAP_MS`` and half a period, no other new one is nearer to it, and none of the
    series has another value there: nothing is lost, and the same import again changes nothing.
    """
    right = np.searchsorted(stored_t, t).clip(0, len(stored_t) - 1)
    left = (right - 1).clip(0)
    at = np.where(np.abs(t - stored_t[left]) <= np.abs(stored_t[right] - t), left, right)
    distance = np.abs(stored_t[at] - t)
    may = distance < min(SNAP_MS, usual_period_ms(stored_t) / 2)
    nearest = np.full(len(stored_t), np.iinfo(np.int64).max)
    np.minimum.at(nearest, at, distance)
    # Of two that are as near, the later one: it is the only one that finds its place again as the nearest.
    last = np.zeros(len(stored_t), np.int64)
    np.maximum.at(last, at[distance == nearest[at]], np.flatnonzero(distance == nearest[at]))
    may &= (distance == nearest[at]) & (last[at] == np.arange(len(t)))
    for series, column in fresh.items():
        if series in stored:
            there = stored[series][at]
            may &= np.isnan(there) | np.isnan(column) | (there == column)
    return np.where(may | (distance == 0), stored_t[at], t)


def _roll_up(
    connection: Connection, book: SeriesBook, day: int, touched: _Day, made: Chunks, blocks: dict[int, Bands]
) -> None:
    values = _joined(touched.times, touched.columns)
    rows = Rows(np.concatenate(touched.times), {str(s): of_values(column) for s, column in values.items()})
    minutes = reduced(rows, MINUTE_MS, day * MINUTES_OF_DAY, MINUTES_OF_DAY)
    hours = reduced(rows, HOUR_MS, day * HOURS_OF_DAY, HOURS_OF_DAY)
    place = day * HOURS_OF_DAY % BLOCK_HOURS
    _read_blocks(connection, blocks, values, day * HOURS_OF_DAY)
    days = [chunk_id(series, day) for series in values]
    stored_days = _stored_bands(connection, queries.MINUTES_OF, days, MINUTES_OF_DAY)
    for series in values:
        slots = _Slots(day * HOURS_OF_DAY, touched.hours[series], mean_decimals(metric_of(book.names[series])))
        stored = stored_days[chunk_id(series, day)]
        slots.take(stored, minutes.series[str(series)], 0, MINUTES_OF_HOUR)
        if stored.count.any():
            made.minutes.append((chunk_id(series, day), chunks.pack_bands(stored)))
        slots.take(blocks[_block_of(series, day * HOURS_OF_DAY)], hours.series[str(series)], place, 1)


class _Slots(NamedTuple):
    """Which slots of a day's roll-ups are new."""

    first_hour: int
    hours: dict[int, bool]
    """As in ``_Day``, of one series."""
    decimals: int | None

    def take(self, stored: Bands, fresh: Bands, place: int, per_hour: int) -> None:
        """Put the touched hours of ``fresh`` into ``stored``, whose slot ``place`` is the first of the day."""
        for hour, on_top in self.hours.items():
            self._take(stored, fresh, hour, place, per_hour, on_top)

    def _take(self, stored: Bands, fresh: Bands, hour: int, place: int, per_hour: int, on_top: bool) -> None:
        begin = (hour - self.first_hour) * per_hour
        source, target = slice(begin, begin + per_hour), slice(place + begin, place + begin + per_hour)
        part = fresh.each(lambda column: column[source])
        if on_top and stored.count[target].any():
            part = _together(stored.each(lambda column: column[target]), part)
        mean = part.mean if self.decimals is None else np.round(part.mean, self.decimals)
        stored.mean[target] = np.clip(mean, part.min, part.max)
        stored.min[target], stored.max[target], stored.count[target] = part.min, part.max, part.count


def _together(one: Bands, other: Bands) -> Bands:
    count = one.count + other.count
    total = np.nan_to_num(one.mean) * one.count + np.nan_to_num(other.mean) * other.count
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = total / count
    return Bands(mean, np.fmin(one.min, other.min), np.fmax(one.max, other.max), count)


def _joined(times: Iterable[Integers], columns: list[Columns]) -> dict[int, Floats]:
    """Hours behind each other; a series that is not in one is unknown there."""
    lengths = [len(t) for t in times]
    series = dict.fromkeys(number for part in columns for number in part)

    def parts(number: int) -> Iterator[Floats]:
        for part, length in zip(columns, lengths, strict=True):
            yield part[number] if number in part else np.full(length, np.nan)

    return {number: np.concatenate(list(parts(number))) for number in series}


def _window(t: Integers, begin: int, end: int) -> slice:
    first, last = np.searchsorted(t, (begin, end)).tolist()
    return slice(first, last)


def _stored_times(connection: Connection, hour: int) -> Integers | None:
    t = _stored(connection, queries.TIMES, chunk_id(OWN_HOST, hour), chunks.unpack_integers)
    return None if t is None else t + hour * HOUR_MS


def _stored_bands(connection: Connection, query: str, identifiers: Sequence[int], slots: int) -> dict[int, Bands]:
    """What these chunks hold, to be changed: nothing known where there is none."""
    packed = dict(connection.execute(query, (encode(identifiers).decode(),)))

    def bands(identifier: int) -> Bands:
        stored = _unpacked(packed[identifier], chunks.unpack_bands) if identifier in packed else None
        return unknown(slots) if stored is None or len(stored.count) != slots else stored.each(np.copy)

    return {identifier: bands(identifier) for identifier in identifiers}


def _stored(connection: Connection, query: str, identifier: int, unpack: Callable[[bytes], T]) -> T | None:
    row = connection.execute(query, (identifier, identifier)).fetchone()
    return None if row is None else _unpacked(row[1], unpack)


def _unpacked(packed: bytes, unpack: Callable[[bytes], T]) -> T | None:
    """What a chunk holds; None if it is damaged, and given up, so that sealing goes on."""
    try:
        return unpack(packed)
    except StoreDamaged as error:
        logger.error("A chunk is given up and written anew: %s", error.detail)
        return None
