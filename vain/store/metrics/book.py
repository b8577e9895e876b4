"""Which number a series has, and which series a row of the newest hour holds."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping

import numpy as np

from vain.codec import encode
from vain.store.connection import Connection
from vain.store.metrics import queries

logger = logging.getLogger(__name__)

OWN_HOST = 1
NO_LABELS = "{}"
MOST_SERIES = 20_000
"""More are not stored: names that never end would fill the disk."""

MOST_REMEMBERED = 16
"""Layouts that are known by the names of their series."""

Labels = Mapping[str, Mapping[str, str]]


class SeriesBook:
    """The writing thread adds to it. What others read is replaced, never changed, so they need no lock."""

    def __init__(self, connection: Connection, revision: int = 0) -> None:
        self._full = False
        self.reload(connection, revision)

    def refresh(self, connection: Connection, revision: int) -> None:
        """Read it again if it may be another one by now."""
        if revision != self.revision:
            self.reload(connection, revision)

    def reload(self, connection: Connection, revision: int = 0) -> None:
        """Read it again: after opening, and after a commit that failed."""
        self.revision: int | None = revision
        """See ``Archive.revision``; None: what it says may never have been committed."""
        known = list(connection.execute(queries.SERIES))
        self.ids: Mapping[str, int] = {name: number for number, name, _ in known}
        self.names: Mapping[int, str] = {number: name for number, name, _ in known}
        self.labels: Mapping[str, str] = {name: labels for _, name, labels in known if labels != NO_LABELS}
        """The labels of the series that have some, as a JSON object."""
        self._numbers = {series: number for number, series in layouts_of(connection).items()}
        self._by_names: dict[tuple[str, ...], int] = {}

    def add(self, connection: Connection, names: Iterable[str], labels: Callable[[], Labels] = dict) -> None:
        """Give numbers to the names that have none, inside the transaction that is open."""
        new = [name for name in names if name not in self.ids]
        if not new or self._is_full(len(new)):
            return
        described = labels()
        last = int(connection.execute(queries.LAST_SERIES).get)
        numbered = {name: last + place for place, name in enumerate(dict.fromkeys(new), start=1)}
        texts = {name: encode(described[name]).decode() for name in numbered if described.get(name)}
        rows = [(number, name, texts.get(name, NO_LABELS)) for name, number in numbered.items()]
        connection.executemany(queries.ADD_SERIES, rows)
        self.labels = {**self.labels, **texts}
        self.ids = {**self.ids, **numbered}
        self.names = {**self.names, **{number: name for name, number in numbered.items()}}

    def layout(self, connection: Connection, series: tuple[int, ...]) -> int:
        """The number of a layout, made inside the transaction that is open if there is none."""
        number = self._numbers.get(series)
        if number is None:
            number = int(connection.execute(queries.ADD_LAYOUT, (np.array(series, "<u4").tobytes(),)).get)
            self._numbers[series] = number
        return number

    def layout_of(self, names: tuple[str, ...]) -> int | None:
        """The number of the layout of these series; None if it has none yet, or a series has no number."""
        known = self._by_names.get(names)
        if known is not None:
            return known
        series = [self.ids.get(name) for name in names]
        number = None if None in series else self._numbers.get(tuple(series))  # type: ignore[arg-type]  # none is None
        if number is not None:
            if len(self._by_names) >= MOST_REMEMBERED:
                self._by_names.clear()
            self._by_names[names] = number
        return number

    def _is_full(self, more: int) -> bool:
        if len(self.ids) + more <= MOST_SERIES:
            return False
        if not self._full:
            self._full = True
            logger.warning("There are %d series; new ones are not stored", len(self.ids))
        return True


def layouts_of(connection: Connection) -> dict[int, tuple[int, ...]]:
    """The series of each layout, as of the snapshot that is read: numbers of layouts are used again."""
    return {
        number: tuple(np.frombuffer(packed, "<u4").tolist()) for number, packed in connection.execute(queries.LAYOUTS)
    }
