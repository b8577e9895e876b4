"""Backups of a data folder, and the way back.

A backup is a folder with a copy of each database, each as it was at one moment, made with SQLite's backup API beside a
server that runs. It holds the keys too (as SHA-256), so its files are as private as the data folder's own.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import apsw

from vain.errors import Conflict, Misconfigured, StoreDamaged, StoreFull, StoreLocked, Unavailable
from vain.store.checking import Report, check_file, databases_in, opened
from vain.store.folder import FolderLock, prepare, private_file
from vain.store.sqlite_engine import DATABASE_NAME as TASKS_NAME

STAGED, ASIDE = "restore.new", "restore.old"
"""Folders in the data folder, there while a restore is under way; the second keeps what was there before."""
_BESIDE = ("-wal", "-shm", "-journal")
_SET_EPOCH = "UPDATE meta SET value = ? WHERE key = 'epoch'"


def backup(folder: Path, destination: Path) -> list[Report]:
    """Copy each database of ``folder`` to the new folder ``destination``; what was copied, checked.

    Blocks. A server may go on writing meanwhile. Raises Misconfigured if there is nothing to copy, or a place that
    cannot be written to; Conflict if ``destination`` is there; StoreDamaged, StoreFull, Unavailable.
    """
    files = databases_in(folder)
    if not files:
        raise Misconfigured(f"There are no databases of vAIn in {folder}; --data names another folder.")
    if destination.exists():
        raise Conflict(f"{destination} is there already, and a backup overwrites nothing.")
    part = destination.with_name(f"{destination.name}.part")
    with _in_words(part), _made(part):
        reports = _sound([_copied(file, folder, part) for file in files], part)
        part.rename(destination)
        _sync_folder(destination.parent)
    return reports


def restore(source: Path, folder: Path) -> list[Report]:
    """Put the databases of a backup in the place of those in ``folder``, under a new epoch; what was put there.

    They are copied and checked before anything is touched. What was there before stays until all is done, and comes
    back if something fails. A database that is not in the backup stays as it is. Raises StoreLocked while a server
    runs, Misconfigured if there is no backup, StoreDamaged if it is not sound.
    """
    files = databases_in(source)
    if source / TASKS_NAME not in files:
        raise Misconfigured(f"There is no backup of vAIn in {source}: it has no {TASKS_NAME}.")
    prepare(folder)
    with _locked(folder), _in_words(folder), _made(folder / STAGED) as staged:
        reports = _sound([_copied(file, source, staged) for file in files], staged)
        with closing(apsw.Connection(str(staged / TASKS_NAME))) as connection:
            connection.execute(_SET_EPOCH, (secrets.token_hex(8),))
        _exchange(staged, [file.relative_to(source) for file in files], folder)
    return reports


def _exchange(staged: Path, names: list[Path], folder: Path) -> None:
    """Each file in the place of the one in the folder: all of them, or none."""
    aside = folder / ASIDE
    _refuse_leftover(aside)
    aside.mkdir(mode=0o700)
    added: list[Path] = []
    try:
        for name in names:
            target = folder / name
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if target.exists():
                _put_aside(target, (aside / name).parent)
            else:
                added.append(target)
            (staged / name).replace(target)
        for changed in {folder, *((folder / name).parent for name in names)}:
            _sync_folder(changed)
    except BaseException:
        for target in added:
            target.unlink(missing_ok=True)
        for kept in [path for path in aside.rglob("*") if path.is_file()]:
            kept.replace(folder / kept.relative_to(aside))
        shutil.rmtree(aside)
        raise
    shutil.rmtree(aside)


def _refuse_leftover(aside: Path) -> None:
    if aside.exists():
        raise Conflict(
            f"{aside} holds what an earlier restore had put aside when it was ended: move it to where you want it kept."
        )


def _put_aside(target: Path, aside: Path) -> None:
    """Keep the database, with what lies beside it, and leave a file that is whole until it is replaced."""
    aside.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(apsw.Error), closing(apsw.Connection(str(target), flags=apsw.SQLITE_OPEN_READWRITE)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    try:
        os.link(target, aside / target.name)
    except OSError:  # a file system without links
        shutil.copy2(target, aside / target.name)
    for file in _beside(target):
        file.replace(aside / file.name)  # with another database it would be taken for a part of that


def _beside(path: Path) -> list[Path]:
    return [file for end in _BESIDE if (file := path.with_name(path.name + end)).exists()]


def _copied(file: Path, base: Path, folder: Path) -> Path:
    """A copy in the folder, where the file lies in its own (``base``), as one file that nobody else can read."""
    place = folder / file.relative_to(base)
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    copy = private_file(place)
    with closing(opened(file)) as source, closing(apsw.Connection(str(copy))) as target:
        # In one step: a log's reader holds up no writer, and between steps a writer would have it begin anew.
        with target.backup("main", source, "main") as under_way:
            under_way.step(-1)
        target.execute("PRAGMA journal_mode = DELETE").fetchall()
    return copy


def _sound(copies: list[Path], base: Path) -> list[Report]:
    reports = [check_file(copy, copy.relative_to(base).as_posix()) for copy in copies]
    for report in reports:
        if report.problems:
            raise StoreDamaged(f"{report.name} is not sound, and nothing was changed: {report.problems[0]}")
    return reports


@contextmanager
def _made(folder: Path) -> Iterator[Path]:
    """A new folder for what is under way; gone at the end."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    try:
        lock = FolderLock(folder)
    except StoreLocked:
        raise StoreLocked(f"A vAIn server uses the data folder {folder}: stop it first.") from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _in_words(place: Path) -> Iterator[None]:
    try:
        yield
    except apsw.FullError as exc:
        raise StoreFull(f"There is no space left for {place}; nothing was changed.") from exc
    except (apsw.NotADBError, apsw.CorruptError) as exc:
        raise StoreDamaged(f"A database is damaged, and nothing was changed: {exc}.") from exc
    except apsw.Error as exc:
        raise Unavailable(f"The databases cannot be copied: {exc}.") from exc
    except OSError as exc:
        raise Misconfigured(
            f"{exc.filename or place} cannot be written ({exc.strerror}); nothing was changed."
        ) from exc


def _sync_folder(folder: Path) -> None:
    """So that a power cut keeps the new names."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
