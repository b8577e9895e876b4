"""What ``vain db`` does: are the databases whole, a copy of them, the way back, and from one engine to the other."""

from __future__ import annotations

from argparse import Namespace
from contextlib import closing
from pathlib import Path

from vain.errors import Misconfigured
from vain.forms import database, place_of
from vain.identity import host
from vain.setting_types import Settings
from vain.store import queries
from vain.store.checking import Report, check
from vain.store.connection import Engine
from vain.store.copying import copy, copy_keys
from vain.store.key_database import KeyDatabase
from vain.store.key_opening import opened_keys
from vain.store.metrics.archive import Archives
from vain.store.metrics.copying import copy_histories
from vain.store.opening import archives, opened
from vain.store.sqlite_engine import DATABASE_NAME
from vain.store.upkeep import backup, restore
from vain.terminal import Screen, safe

SUCCESS, FAILURE = 0, 1


def check_(args: Namespace, settings: Settings, screen: Screen) -> int:
    """``vain db check``: a line for each database; exit code 1 if one is not sound."""
    reports = check(settings.data_dir)
    if settings.store_url is not None:
        from vain.store.postgres import checking  # noqa: PLC0415  (asyncpg, only where it is used)

        reports += [checking.check_database(settings.store_url), checking.check_histories(settings.store_url)]
    _print(screen, reports)
    return FAILURE if any(report.problems for report in reports) else SUCCESS


def backup_(args: Namespace, settings: Settings, screen: Screen) -> int:
    """``vain db backup``: what is in the copy, a line for each database."""
    destination = Path(args.destination)
    _print(screen, backup(settings.data_dir, destination.absolute()))
    if settings.store_url is not None:
        place = place_of(settings.store_url)
        screen.note(f"Tasks, events and the history of metrics are in {place}, which pg_dump copies.")
    screen.note(
        f"The backup is in {safe(str(destination))}. It holds the API keys as SHA-256: keep it as safe as they are."
    )
    return SUCCESS


def restore_(args: Namespace, settings: Settings, screen: Screen) -> int:
    """``vain db restore``: what was put in place, a line for each database."""
    _print(screen, restore(Path(args.source).absolute(), settings.data_dir))
    screen.note("API keys are as they were when the backup was made: revoke again what was revoked since.")
    return SUCCESS


def copy_(args: Namespace, settings: Settings, screen: Screen) -> int:
    """``vain db copy``: how many rows of each table are in the other database now."""
    with closing(_engine(args.source, must_be_there=True)) as source, closing(_engine(args.target)) as target:
        for name, rows in copy(source, target).items():
            screen.print(f"{name}: {rows:,}")
        if "://" in args.source + args.target:
            _copy_histories(args.source, args.target, screen)
    with closing(_keys(args.source)) as known, closing(_keys(args.target)) as keys:
        screen.print(f"keys: {copy_keys(known, keys):,}")
    screen.note("Clients start from a snapshot.")
    return SUCCESS


def _keys(place: str) -> KeyDatabase:
    return opened_keys(Path(), database(place)) if "://" in place else opened_keys(Path(place).absolute())


def _copy_histories(source: str, target: str, screen: Screen) -> None:
    """After the store: its tables have to be there, and nobody else uses either of them."""
    own = host()
    with closing(_archives(source, own)) as read, closing(_archives(target, own)) as written:
        copy_histories(read, written, own, lambda name, rows: screen.print(f"history of {safe(name)}: {rows:,}"))


def _archives(place: str, own: str) -> Archives:
    return archives(None, database(place)) if "://" in place else archives(Path(place).absolute(), None, own)


def _engine(place: str, must_be_there: bool = False) -> Engine:
    if "://" in place:
        try:
            engine = opened(None, database(place))
        except ValueError as error:
            raise Misconfigured(f"{error} is expected, or a data folder.") from None
        if must_be_there and not engine.connection.execute(queries.HEAD).get:
            engine.close()
            raise Misconfigured(f"There are no tasks and events in {place_of(place)}.")
        return engine
    folder = Path(place).absolute()
    if must_be_there and not (folder / DATABASE_NAME).is_file():
        raise Misconfigured(f"There are no tasks and events in {safe(place)}.")
    return opened(folder)


def _print(screen: Screen, reports: list[Report]) -> None:
    for report in reports:
        screen.print(f"{report.name}: {'damaged' if report.problems else f'sound, {report.contents}'}")
        for problem in report.problems:
            screen.print(f"  {safe(problem)}")
