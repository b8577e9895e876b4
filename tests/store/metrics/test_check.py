"""What the check of the history finds: nothing in a history that is whole, and each chunk that is not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import apsw
import numpy as np
import pytest

from tests.store.engines import sqlite_only
from tests.store.metrics.filled import HOUR, fed, imported, opened
from vain import chunks
from vain.store.metrics.check import damaged_chunks

pytestmark = [sqlite_only, pytest.mark.slow]


@pytest.fixture
def history(tmp_path: Path) -> Iterator[apsw.Connection]:
    """Three hours of two series; the first one has a gap."""
    with opened(tmp_path) as store:
        fed(store, range(HOUR + 10), lambda second: None if 50 < second < 500 else second % 100)
        imported(store, np.arange(3 * HOUR), np.arange(3 * HOUR) % 7, "load.1m")
    connection = apsw.Connection(str(tmp_path / "metrics.db"))
    yield connection
    connection.close()


def test_a_whole_history_has_no_damage(history: apsw.Connection) -> None:
    assert damaged_chunks(history) == []
    assert not history.in_transaction


@pytest.mark.parametrize("table", ["times", "raw", "minutes", "hours"])
def test_a_flipped_byte_is_found_in_every_table(history: apsw.Connection, table: str) -> None:
    identifier, packed = history.execute(f"SELECT id, v FROM {table} ORDER BY id LIMIT 1").get
    flipped = packed[:-1] + bytes([packed[-1] ^ 1])
    history.execute(f"UPDATE {table} SET v = ? WHERE id = ?", (flipped, identifier))
    assert f"of {table}: A chunk of the history is damaged: its checksum is wrong." in damaged_chunks(history)[0]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("DELETE FROM times WHERE id = (SELECT max(id) FROM times)", "values for 0 times"),
        ("UPDATE minutes SET v = (SELECT v FROM hours LIMIT 1)", "720 slots, not 1440"),
        ("UPDATE hours SET v = (SELECT v FROM minutes LIMIT 1)", "1440 slots, not 720"),
        ("DELETE FROM series WHERE series_id = 2", "series 2 that has no name"),
    ],
)
def test_chunks_that_do_not_fit_together_are_found(history: apsw.Connection, change: str, problem: str) -> None:
    history.execute(change)
    assert problem in " ".join(damaged_chunks(history))


def test_values_that_are_more_than_their_times_are_found(history: apsw.Connection) -> None:
    history.execute("UPDATE times SET v = ?", (chunks.pack_integers(np.arange(3_599)),))
    assert "3600 values for 3599 times" in damaged_chunks(history)[0]


def test_times_that_go_backwards_are_found(history: apsw.Connection) -> None:
    history.execute("UPDATE times SET v = ?", (chunks.pack_integers(np.arange(3_600)[::-1].copy()),))
    assert "out of order" in damaged_chunks(history)[0]


def test_roll_ups_of_less_than_there_is_are_found(history: apsw.Connection) -> None:
    identifier, packed = history.execute("SELECT id, v FROM hours ORDER BY id LIMIT 1").get
    bands = chunks.unpack_bands(packed)
    fewer = bands.each(lambda column: column // 2 if column.dtype == np.int64 else column)
    history.execute("UPDATE hours SET v = ? WHERE id = ?", (chunks.pack_bands(fewer), identifier))
    assert "in the roll-ups of hours" in damaged_chunks(history)[0]


def test_no_more_problems_are_told_than_asked_for(history: apsw.Connection) -> None:
    history.execute("DELETE FROM times")
    assert len(damaged_chunks(history, most=2)) == 2
