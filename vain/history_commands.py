"""What ``vain history`` does: samples of other programs come in, the history goes out as a table.

Either over HTTP into a running server, or on the data folder itself while no server runs.
"""

from __future__ import annotations

import platform
import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

from vain import patterns, tables
from vain.bands import Floats, Integers, MetricQuery, MetricWindow
from vain.client import Client
from vain.errors import Malformed, Misconfigured, StoreLocked
from vain.finest import Read, windows
from vain.forms import place_of
from vain.list_commands import write_file
from vain.setting_types import Settings
from vain.store.folder import FolderLock, prepare
from vain.store.metrics.sqlite_archive import DATABASE_NAME
from vain.store.metrics.store import MetricStore
from vain.tables.reader import Samples, format_of
from vain.terminal import Screen, safe
from vain.windows import seconds_of

SUCCESS = 0
SENT_VALUES = 2_000_000
"""So many are sent at once: 16 MB as they are, a few as Parquet."""
LARGEST_BODY_BYTES = 4 << 20
FIRST_NOTE_SECONDS, NOTE_SECONDS = 1.0, 5.0

Take = Callable[[Integers, dict[str, Floats]], None]


def import_(args: Namespace, settings: Settings, screen: Screen) -> int:
    """``vain history import``: the number of rows on stdout once they are on disk."""
    _refuse_two_places(args)
    file = Path(args.file)
    progress, rows, names = Progress(screen, "rows read"), 0, set[str]()
    with _taking(args, settings) as take:
        for t, values in tables.read(file, format_of(file)):
            take(t, values)
            rows += len(t)
            names.update(values)
            progress.tell(rows)
    screen.print(str(rows))
    screen.note(f"Imported {rows:,} rows of {len(names):,} series from {safe(file.name)}.")
    return SUCCESS


def export(args: Namespace, settings: Settings, screen: Screen) -> int:
    """``vain history export``: the table on stdout, or in a file and its number of rows on stdout."""
    _refuse_two_places(args)
    now = time.time()
    after = _moment(args.after, now, "--after") if args.after else 0.0
    before = _moment(args.before, now, "--before") if args.before else now + 1
    wanted = patterns.parsed(args.metrics) if args.metrics else None
    is_file = args.file != "-"
    form: tables.Format = args.format or ("parquet" if is_file and args.file.endswith(".parquet") else "csv")
    with _reading(args, settings, wanted) as read:
        written = Written(windows(read, after, before), Progress(screen, "rows written"))
        if is_file:
            write_file(Path(args.file), lambda target: written.to(target, form))
            screen.print(str(written.rows))
        else:
            screen.out.flush()
            written.to(screen.out.buffer, form)
    screen.note(f"Exported {written.rows:,} rows of {len(written.names):,} series.")
    return SUCCESS


class Progress:
    """Says how far it has come, on stderr, if it takes longer than a second."""

    def __init__(self, screen: Screen, what: str) -> None:
        self._screen, self._what = screen, what
        self._next = time.monotonic() + FIRST_NOTE_SECONDS

    def tell(self, count: int) -> None:
        """So far."""
        if count and time.monotonic() >= self._next:
            self._next = time.monotonic() + NOTE_SECONDS
            self._screen.note(f"{count:,} {self._what} …")


class Written:
    """Windows that become one table; afterwards, how many rows it has and which series."""

    def __init__(self, coming: Iterator[MetricWindow], progress: Progress) -> None:
        self.rows = 0
        self.names: tuple[str, ...] = ()
        self._coming, self._progress = coming, progress

    def to(self, target: BinaryIO, form: tables.Format) -> None:
        """Write all of it, window by window."""
        batches = self._batches()
        if form == "parquet":
            tables.write_parquet(batches, target)
            return
        target.writelines(tables.encoded(batch, "csv", header=number == 0) for number, batch in enumerate(batches))

    def _batches(self) -> Iterator[tables.Rows]:
        first = next(self._coming)
        self.names = tuple(first.series)
        # The oldest rows are the coarsest: what they need, all get.
        shape: tables.Shape | None = None
        for window in self._coming:
            shape = shape or tables.Shape(self.names, window.is_reduced)
            self.rows += len(window.t)
            self._progress.tell(self.rows)
            yield tables.batch_of(window, shape)
        if shape is None:
            yield tables.batch_of(first._replace(t=first.t[:0], series={}, spans=()), tables.Shape(self.names, False))


@contextmanager
def _taking(args: Namespace, settings: Settings) -> Iterator[Take]:
    if args.data is None:
        with Client(settings.url, settings.api_key, settings.timeout_seconds) as client:
            sender = Sender(client)
            yield sender.take
            sender.flush()
    else:
        with _store(settings) as store:
            yield lambda t, values: cast("None", store.import_rows(t, values))


@contextmanager
def _reading(args: Namespace, settings: Settings, wanted: tuple[str, ...] | None) -> Iterator[Read]:
    if args.data is None:
        with Client(settings.url, settings.api_key, settings.timeout_seconds) as client:
            yield lambda after, before, points: tables.decoded(
                client.history_table("arrow", after, before, wanted, points)
            )
    else:
        if settings.store_url is None and not (settings.data_dir / DATABASE_NAME).exists():
            raise Misconfigured(f"There is no history in {settings.data_dir}; --data names another folder.")
        with _store(settings) as store:
            yield lambda after, before, points: store.window(MetricQuery(after, before, wanted, points))


@contextmanager
def _store(settings: Settings) -> Iterator[MetricStore]:
    """The store of a data folder that no server uses. Raises Misconfigured if the histories are elsewhere."""
    if settings.store_url is not None:
        raise Misconfigured(
            f"The history is in {place_of(settings.store_url)}, not in the data folder: leave out --data, and a server "
            "takes and gives it."
        )
    prepare(settings.data_dir)
    try:
        lock = FolderLock(settings.data_dir)
    except StoreLocked:
        raise StoreLocked(
            f"A vAIn server uses the data folder {settings.data_dir}: leave out --data, or give its address with --url."
        ) from None
    try:
        with closing(MetricStore(settings.data_dir, settings.interval_seconds, host=platform.node())) as store:
            yield store
    finally:
        lock.release()


class Sender:
    """Sends samples to a server in Parquet bodies of at most ``LARGEST_BODY_BYTES``."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._waiting: list[Samples] = []
        self._values = 0

    def take(self, t: Integers, values: dict[str, Floats]) -> None:
        """Samples, of the same series each time."""
        self._waiting.append((t, values))
        self._values += len(t) * (len(values) + 1)
        if self._values >= SENT_VALUES:
            self.flush()

    def flush(self) -> None:
        """Send what waits."""
        if self._waiting:
            t = np.concatenate([t for t, _ in self._waiting])
            names = self._waiting[0][1]
            self._send(t, {name: np.concatenate([values[name] for _, values in self._waiting]) for name in names})
        self._waiting, self._values = [], 0

    def _send(self, t: Integers, values: dict[str, Floats]) -> None:
        body = tables.encoded(tables.samples_of(t, values), "parquet")
        if len(body) <= LARGEST_BODY_BYTES or len(t) < 2:
            self._client.import_history(body, "parquet")
            return
        middle = len(t) // 2
        for part in (slice(None, middle), slice(middle, None)):
            self._send(t[part], {name: column[part] for name, column in values.items()})


def _refuse_two_places(args: Namespace) -> None:
    if args.data is not None and args.url is not None:
        raise Misconfigured("--data and --url are two places: one of them would be right.")


def _moment(text: str, now: float, option: str) -> float:
    try:
        return seconds_of(text, now, option)
    except Malformed as exc:
        raise Misconfigured(exc.detail) from None
