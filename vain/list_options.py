"""The options of ``vain ls`` and ``vain export``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from vain import list_commands as lists
from vain import settings
from vain.options import add_json, add_settings, command
from vain.types import OUTCOMES, PRIORITIES, STATUSES

if TYPE_CHECKING:
    from vain.options import Commands


def add_lists(commands: Commands) -> None:
    """Both commands."""
    parser = command(
        commands, "ls", lists.ls, "list tasks, the newest first",
        ("vain ls --status in-progress", "what is being worked on"),
        ("vain ls --search backup --json --limit 0 | jq '.[].task_id'", "all that match, for a program"),
    )  # fmt: skip
    _add_filters(parser)
    parser.add_argument("--sort", metavar="FIELDS", help=f"such as -priority,created_at [{lists.NEWEST_FIRST}]")
    parser.add_argument("--limit", type=int, default=lists.FEW_TASKS, help="how many; 0: all [%(default)s]")
    add_json(parser)
    add_settings(parser, settings.CLIENT_SETTINGS)

    parser = command(
        commands, "export", lists.export, "write tasks into a file: CSV, NDJSON, JSON or Parquet",
        ("vain export tasks.parquet", "all of them, for pandas, DuckDB or Polars"),
        ("vain export failed.csv --outcome failed --outcome crashed --fields task_id,name,error", "some, in part"),
    )  # fmt: skip
    parser.add_argument("file", metavar="FILE", nargs="?", default=lists.SCREEN, help="where to; -: stdout [-]")
    parser.add_argument("--format", choices=lists.FORMATS, help="[as the file's name ends, else csv]")
    parser.add_argument("--fields", metavar="NAMES", help="only these fields, with commas between")
    _add_filters(parser)
    parser.add_argument("--sort", metavar="FIELDS", help="such as -priority,created_at [the oldest first]")
    add_settings(parser, settings.CLIENT_SETTINGS)


def _add_filters(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--status", choices=STATUSES, action="append", help="only with this status (or another one)")
    parser.add_argument("--priority", choices=PRIORITIES, action="append", help="only with this priority (or another)")
    parser.add_argument("--outcome", choices=OUTCOMES, action="append", help="only those that ended so (or otherwise)")
    parser.add_argument("--tag", action="append", help="only with this tag (and another one)")
    # Not the setting of that name, which is where a server listens.
    parser.add_argument(
        "--host", dest="task_host", metavar="NAME", action="append", help="only those of this machine (or another one)"
    )
    parser.add_argument("--key", help="only runs of this recurring job")
    parser.add_argument("--stale", action="store_true", help="only those whose next report did not come")
    parser.add_argument("--overdue", action="store_true", help="only those whose due time has passed")
    parser.add_argument(
        "--search", metavar="TEXT", help="only tasks with this in name, description, message, key or tag"
    )
