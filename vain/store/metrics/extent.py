"""How far the history reaches, in Unix seconds."""

from __future__ import annotations

import numpy as np

from vain import chunks
from vain.store.metrics import queries
from vain.store.metrics.book import OWN_HOST
from vain.store.metrics.periods import BLOCK_HOURS, HOUR_MS, SECOND_MS, chunk_id, period_of
from vain.store.metrics.reading import unpacked
from vain.store.metrics.snapshot import Snapshot


def oldest_of(snapshot: Snapshot) -> float | None:
    """The hour of the oldest sample that is in a chunk; None if there is none. Reads one chunk of each series."""
    hours = []
    for number in snapshot.book.names:
        row = snapshot.connection.execute(queries.FIRST_HOURS, _all(number)).fetchone()
        bands = None if row is None else unpacked(row[1], chunks.unpack_bands)
        if row is not None and bands is not None and bands.count.any():
            hours.append(period_of(row[0]) * BLOCK_HOURS + int(np.argmax(bands.count > 0)))
    return min(hours) * HOUR_MS / SECOND_MS if hours else None


def newest_of(snapshot: Snapshot) -> list[float]:
    """The oldest and newest of the samples that are not sealed, and the newest of those that are."""
    moments = [t for t in snapshot.connection.execute(queries.HOT_BOUNDS).get if t is not None]
    moments += [row.t for row in snapshot.pending]
    last = snapshot.connection.execute(queries.LAST_TIMES, _all(OWN_HOST)).fetchone()
    t = None if last is None else unpacked(last[1], chunks.unpack_integers)
    if last is not None and t is not None and len(t):
        moments.append(int(t[-1]) + period_of(last[0]) * HOUR_MS)
    return [moment / SECOND_MS for moment in moments]


def _all(owner: int) -> tuple[int, int]:
    return chunk_id(owner, 0), chunk_id(owner + 1, 0) - 1
