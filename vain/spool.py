"""Reports that wait on disk for a server that is away.

One file for each process that reports, locked while the process lives, so that whoever finds one unlocked knows that
nobody else will send what is in it. A file is lines of JSON, only ever added to: a header with the server's address,
then ``begin``, ``say``, ``log``, ``sent`` and ``done`` of runs. A line that a death tore is dropped.

Nothing here is synced to the disk: it outlives the process, whose death is what it is for, not the machine's.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import sys
import time
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

if sys.platform != "win32":  # there, files are written, and stay until their own process sends them
    import fcntl

FORMAT = 1
LARGEST_BYTES = 8 << 20
"""A file that grew beyond this is written anew with what is still wanted of it."""
LARGEST_LOG_BYTES = 64 << 10
MOST_FILES = 2_000
KEPT_SECONDS = 30 * 86_400.0
"""What nobody took for so long, or what is oldest of too many, is given up: there may never be a server."""

Record = dict[str, Any]


@dataclass
class RunReport:
    """All that a spool knows of one run: one POST, one PUT and one log bring it to the server."""

    run_id: str
    parent_run_id: str | None
    began_at: float
    draft: dict[str, Any]
    changed_at: float
    patch: dict[str, Any] = field(default_factory=dict)
    log: bytes = b""
    log_offset: int = 0
    sent_task_id: int | None = None
    """The task, if the server already had its beginning."""

    @property
    def ended(self) -> bool:
        return self.patch.get("status") == "completed"


class Spool:
    """The file of this process. Made with the first record; errors of the disk are raised as OSError."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url
        self._path: Path | None = None
        self._descriptor = -1
        self._size = self._header_size = 0
        self._largest = LARGEST_BYTES

    @property
    def is_empty(self) -> bool:
        return self._size == self._header_size

    def add(self, record: Record) -> None:
        """Write one record. After this returns, the process may be killed."""
        if self._path is None:
            self._open([])
            give_up(self.folder, time.time())
        self._size += _write(self._descriptor, _line(record))
        if self._size > self._largest:
            self._compact()

    def clear(self) -> None:
        """Everything is delivered."""
        if not self.is_empty:
            os.ftruncate(self._descriptor, self._header_size)
            self._size = self._header_size

    def reports(self, run_ids: Collection[str]) -> list[RunReport]:
        """Read some runs back."""
        return [] if self._path is None else folded(_records(self._path.read_bytes()), run_ids)

    def close(self, delivered: bool) -> None:
        """Give the file up, and remove it if the server has all; else it waits for whoever comes next."""
        if self._path is not None and delivered:
            self._path.unlink(missing_ok=True)
        self.forget()

    def forget(self) -> None:
        """Close only: after a fork the file is the parent process's."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._path, self._descriptor = None, -1

    def _open(self, records: Iterable[Record]) -> None:
        """A new file, which nobody sees before it is locked and says whose it is."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self.folder / f"{os.getpid()}-{os.urandom(6).hex()}.jsonl"
        hidden = path.with_suffix(".new")
        descriptor = os.open(hidden, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        try:
            _lock(descriptor)
            header = _write(descriptor, _line({"spool": FORMAT, "url": self.url}))
            size = header + sum(_write(descriptor, _line(record)) for record in records)
            hidden.rename(path)
        except OSError:
            os.close(descriptor)
            hidden.unlink(missing_ok=True)
            raise
        self._path, self._descriptor, self._header_size, self._size = path, descriptor, header, size

    def _compact(self) -> None:
        old_path, old_descriptor = self._path, self._descriptor
        assert old_path is not None  # noqa: S101
        self._open(record for report in folded(_records(old_path.read_bytes())) for record in _records_of(report))
        self._largest = max(LARGEST_BYTES, 2 * self._size)
        os.close(old_descriptor)
        old_path.unlink(missing_ok=True)


class Abandoned:
    """A file whose process is gone, ours alone until it is removed or released."""

    def __init__(self, path: Path, stream: IO[bytes]) -> None:
        self._path, self._stream = path, stream
        header = next(_records(stream.readline()), {})
        self.url = str(header.get("url", "")) if header.get("spool") == FORMAT else ""

    def records(self) -> list[Record]:
        """Read now, not when it is found: most of what is found again and again is for another server."""
        if not self.url:
            return []
        self._stream.seek(0)
        return list(_records(self._stream.read()))[1:]

    def remove(self) -> None:
        self._path.unlink(missing_ok=True)
        self.release()

    def release(self) -> None:
        self._stream.close()


def abandoned(folder: Path) -> Iterator[Abandoned]:
    """The files whose writers are gone, the oldest first, each locked for the caller."""
    if sys.platform == "win32":
        return
    for path in sorted(folder.glob("*.jsonl"), key=_age):
        with contextlib.suppress(OSError):
            stream = path.open("rb")
            if not _is_ours(path, stream):
                stream.close()
                continue
            yield Abandoned(path, stream)


def give_up(folder: Path, now: float) -> None:
    """Remove files that nobody took for too long, and the oldest of too many; ``now`` in Unix seconds."""
    files = sorted((_age(path), path) for path in folder.glob("*.jsonl"))
    surplus = len(files) - MOST_FILES
    for number, (at, path) in enumerate(files):
        if number < surplus or now - at > KEPT_SECONDS:
            with contextlib.suppress(OSError), path.open("rb") as stream:
                if _is_ours(path, stream):
                    path.unlink()


def folded(records: Iterable[Record], run_ids: Collection[str] | None = None) -> list[RunReport]:
    """What is still to be sent, for each run, in the order in which they began; of ``run_ids`` alone, if given."""
    reports: dict[str, RunReport] = {}
    for record in records:
        kind, run_id = next(iter(record.items()), ("", ""))
        if run_ids is not None and run_id not in run_ids:
            continue
        with contextlib.suppress(KeyError, TypeError, ValueError):  # a line of a later version, or damaged
            _fold(reports, kind, run_id, record)
    return sorted(reports.values(), key=lambda report: report.began_at)


def began(run_id: str, at: float, parent: str | None, draft: Record, task_id: int | None) -> Record:
    return {"begin": run_id, "at": at, "parent": parent, "draft": draft, "task_id": task_id}


def said(run_id: str, at: float, patch: Record) -> Record:
    return {"say": run_id, "at": at, "patch": patch}


def logged(run_id: str, at: float, offset: int, data: bytes) -> Record:
    return {"log": run_id, "at": at, "offset": offset, "data": base64.b64encode(data).decode()}


def sent(run_id: str, task_id: int, everything: bool) -> Record:
    """The server has the beginning, or everything that was said so far."""
    return {"sent": run_id, "task_id": task_id, "all": everything}


def done(run_id: str) -> Record:
    """Nothing of this run is to be sent any more."""
    return {"done": run_id}


def _fold(reports: dict[str, RunReport], kind: str, run_id: str, record: Record) -> None:
    if kind == "begin":
        at = float(record["at"])
        report = RunReport(run_id, record["parent"], at, dict(record["draft"]), at, sent_task_id=record["task_id"])
        reports.setdefault(run_id, report)
    elif kind == "done":
        reports.pop(run_id, None)
    elif kind == "sent":
        _fold_sent(reports[run_id], int(record["task_id"]), bool(record["all"]))
    elif kind == "say":
        reports[run_id].patch |= record["patch"]
        reports[run_id].changed_at = float(record["at"])
    elif kind == "log":
        _fold_log(reports[run_id], int(record["offset"]), base64.b64decode(record["data"]))


def _fold_sent(report: RunReport, task_id: int, everything: bool) -> None:
    report.sent_task_id = task_id
    if everything:
        report.log_offset += len(report.log)
        report.patch, report.log = {}, b""


def _fold_log(report: RunReport, offset: int, data: bytes) -> None:
    """Parts follow each other; after a hole, in which bytes were lost for good, only what came later counts."""
    end = report.log_offset + len(report.log)
    log = data if offset != end or not report.log else report.log + data
    report.log = log[-LARGEST_LOG_BYTES:]
    report.log_offset = offset + len(data) - len(report.log)


def _records_of(report: RunReport) -> Iterator[Record]:
    yield began(report.run_id, report.began_at, report.parent_run_id, report.draft, report.sent_task_id)
    if report.patch:
        yield said(report.run_id, report.changed_at, report.patch)
    if report.log:
        yield logged(report.run_id, report.changed_at, report.log_offset, report.log)


def _records(body: bytes) -> Iterator[Record]:
    for line in body.split(b"\n"):
        with contextlib.suppress(ValueError, RecursionError):
            record = json.loads(line)
            if isinstance(record, dict):
                yield record


def _line(record: Record) -> bytes:
    return json.dumps(record, separators=(",", ":")).encode() + b"\n"


def _write(descriptor: int, line: bytes) -> int:
    """The whole line. After a part of it (a full disk), a line end, so that the next record is not torn with it."""
    written = os.write(descriptor, line)
    if written < len(line):
        os.write(descriptor, b"\n")
        raise OSError("the disk took only a part of a report")
    return written


def _lock(descriptor: int) -> None:
    if sys.platform != "win32":
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _is_ours(path: Path, stream: IO[bytes]) -> bool:
    """Whether nobody else holds the file, and it is still the one under that name."""
    try:
        _lock(stream.fileno())
        return os.path.samestat(os.fstat(stream.fileno()), path.stat())
    except OSError:
        return False


def _age(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
