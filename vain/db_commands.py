"""What ``vain db`` does: are the databases whole, a copy of them, and the way back."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from vain.forms import place_of
from vain.setting_types import Settings
from vain.store.checking import Report, check
from vain.store.upkeep import backup, restore
from vain.terminal import Screen, safe

SUCCESS, FAILURE = 0, 1


def check_(args: Namespace, settings: Settings, screen: Screen) -> int:
    """``vain db check``: a line for each database; exit code 1 if one is not sound."""
    reports = check(settings.data_dir)
    _print(screen, reports)
    return FAILURE if any(report.problems for report in reports) else SUCCESS


def backup_(args: Namespace, settings: Settings, screen: Screen) -> int:
    """``vain db backup``: what is in the copy, a line for each database."""
    destination = Path(args.destination)
    _print(screen, backup(settings.data_dir, destination.absolute()))
    if settings.store_url is not None:
        screen.note(f"Tasks and events are in {place_of(settings.store_url)}, which pg_dump copies.")
    screen.note(
        f"The backup is in {safe(str(destination))}. It holds the API keys as SHA-256: keep it as safe as they are."
    )
    return SUCCESS


def restore_(args: Namespace, settings: Settings, screen: Screen) -> int:
    """``vain db restore``: what was put in place, a line for each database."""
    _print(screen, restore(Path(args.source).absolute(), settings.data_dir))
    screen.note("API keys are as they were when the backup was made: revoke again what was revoked since.")
    return SUCCESS


def _print(screen: Screen, reports: list[Report]) -> None:
    for report in reports:
        screen.print(f"{report.name}: {'damaged' if report.problems else f'sound, {report.contents}'}")
        for problem in report.problems:
            screen.print(f"  {safe(problem)}")
