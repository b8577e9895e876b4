"""How ``vain history`` and ``vain db`` are described to argparse; what they do loads more than a help text should."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vain import settings
from vain.options import Command, Parser, add_settings, command

if TYPE_CHECKING:
    from vain.options import Commands


def add_history(commands: Commands, run: Command) -> None:
    """``vain history``; ``run`` gets the name of its ``action``."""
    parser = command(
        commands, "history", None, "import and export the metric history",
        ("vain history import metrics.csv", "into the running server"),
        ("vain history export july.parquet --after 2026-07-01T00:00:00Z --before 2026-08-01T00:00:00Z", "a month"),
    )  # fmt: skip
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True, dest="action")

    parser = command(
        actions, "import", run, "store the samples of a CSV or Parquet file",
        ("vain history import metrics.csv", "a column 'timestamp', and one of numbers for each series"),
        ("vain history import month.parquet --data /srv/vain", "into a data folder that no server uses"),
    )  # fmt: skip
    parser.add_argument("file", metavar="FILE", help="a CSV or Parquet file")
    _add_places(parser)

    parser = command(
        actions, "export", run, "write the history as a CSV or Parquet file",
        ("vain history export day.csv --after -86400", "the last 24 hours of all metrics"),
        ("vain history export --metrics 'cpu.*,memory.percent' | gzip > cpu.csv.gz", "all there is of some"),
    )  # fmt: skip
    parser.add_argument("file", metavar="FILE", nargs="?", default="-", help="where to; -: standard output [-]")
    parser.add_argument("--after", metavar="TIME", help="from when on: a time, or negative seconds before now")
    parser.add_argument("--before", metavar="TIME", help="until when [now]")
    parser.add_argument("--metrics", metavar="NAMES", help="names or patterns, with commas between [all]")
    parser.add_argument("--format", choices=("csv", "parquet"), help="what to write [by the file's name, else csv]")
    _add_places(parser)


def _add_places(parser: Parser) -> None:
    """A data folder, or a server: without either the server that this machine's settings name."""
    add_settings(parser, [settings.DATA, *settings.CLIENT_SETTINGS])


def add_db(commands: Commands, run: Command) -> None:
    """``vain db``; ``run`` gets the name of its ``action``."""
    parser = command(
        commands, "db", None, "check, back up and restore the databases",
        ("vain db check", "beside a running server, too"),
        ("vain db backup /backups/vain-$(date +%F)", "a new folder with a copy of each"),
    )  # fmt: skip
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True, dest="action")

    parser = command(
        actions, "check", run, "look whether the databases are whole",
        ("vain db check", "a line for each; the exit code is 1 if one is damaged"),
        ("vain db check --data /backups/vain-2026-11-23", "a backup"),
    )  # fmt: skip
    add_settings(parser, [settings.DATA, settings.STORE])

    parser = command(
        actions, "backup", run, "copy the databases to a new folder",
        ("vain db backup /backups/vain-$(date +%F)", "a server may go on running"),
        ("vain db backup --data /srv/vain /backups/monday", "of a server with another data folder"),
    )  # fmt: skip
    parser.add_argument("destination", metavar="FOLDER", help="a folder that is not there yet")
    add_settings(parser, [settings.DATA, settings.STORE])

    parser = command(
        actions, "restore", run, "put a backup in the place of the databases",
        ("vain db restore /backups/monday", "while no server runs; clients start anew afterwards"),
        ("vain db restore --data /srv/vain-new /backups/monday", "into a new data folder"),
    )  # fmt: skip
    parser.add_argument("source", metavar="FOLDER", help="what `vain db backup` made")
    add_settings(parser, [settings.DATA])

    parser = command(
        actions, "copy", run, "copy tasks, events and histories between a data folder and PostgreSQL",
        ("vain db copy /srv/vain postgresql://vain@db.example.org/vain", "while no server uses either of them"),
        ("vain db copy postgresql://vain@db.example.org/vain /srv/vain", "and back"),
    )  # fmt: skip
    for name, what in (("source", "where they are"), ("target", "where to; nothing may be there yet")):
        parser.add_argument(
            name, metavar=name.upper(), help=f"{what}: a data folder, or postgresql://USER@HOST/DATABASE"
        )
