"""How ``vain rules`` is described to argparse; what it does loads more than a help text should."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vain import settings
from vain.options import Command, add_settings, command

if TYPE_CHECKING:
    from vain.options import Commands


def add_rules(commands: Commands, run: Command) -> None:
    """``vain rules``; ``run`` gets the name of its ``action``."""
    parser = command(
        commands, "rules", None, "check, try and list the rules that watch this machine",
        ("vain rules check vain.toml", "every error with its place"),
        ("vain rules test --since 7d vain.toml", "which of them would have fired in the last week"),
    )  # fmt: skip
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True, dest="action")

    parser = command(
        actions, "check", run, "read a file of rules, channels and silences, and say what is wrong with it",
        ("vain rules check vain.toml", "the exit code is 1 if anything is"),
    )  # fmt: skip
    parser.add_argument("file", metavar="FILE", help="a TOML file, as for vain serve --rules")

    parser = command(
        actions, "test", run, "tell which rules would have fired over the history that the server has stored",
        ("vain rules test --since 7d", "those that the server has"),
        ("vain rules test --since 36h vain.toml", "those of a file that it has not"),
    )  # fmt: skip
    parser.add_argument("file", metavar="FILE", nargs="?", help="a TOML file [the rules of the server]")
    parser.add_argument("--since", metavar="TIME", default="7d", help="how far back: 36h, 7d, 4w [%(default)s]")
    parser.add_argument("--json", action="store_true", help="one JSON object for each rule")
    add_settings(parser, settings.CLIENT_SETTINGS)

    parser = command(actions, "ls", run, "list the rules of the server", ("vain rules ls", "and what fires now"))
    parser.add_argument("--json", action="store_true", help="one JSON object for each rule")
    add_settings(parser, settings.CLIENT_SETTINGS)


def add_silence(commands: Commands, run: Command) -> None:
    """``vain silence``; ``run`` gets the name of its ``action``."""
    parser = command(
        commands, "silence", None, "tell nobody of alerts for a time",
        ("vain silence begin --for 2h --comment 'moving disks'", "of any; prints its number"),
        ("vain silence begin --for 1d --rule cpu-busy", "of one rule"),
        ("vain silence end 1001", "before its time"),
    )  # fmt: skip
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True, dest="action")

    parser = command(
        actions, "begin", run, "begin a silence; prints its number", ("vain silence begin --for 2h", "of every rule")
    )
    parser.add_argument("--for", dest="lasts", metavar="TIME", default="1h", help="how long: 2h, 1d [%(default)s]")
    parser.add_argument(
        "--rule", dest="of_rules", metavar="NAME", action="append", help="of this rule (may be repeated)"
    )
    parser.add_argument("--comment", metavar="TEXT", default="", help="why")
    add_settings(parser, settings.CLIENT_SETTINGS)

    parser = command(actions, "ls", run, "list those that hold now or later", ("vain silence ls", "a line for each"))
    add_settings(parser, settings.CLIENT_SETTINGS)

    parser = command(actions, "end", run, "end a silence", ("vain silence end 1001", "what still fires is told then"))
    parser.add_argument("silence_id", metavar="ID", type=int, help="its number")
    add_settings(parser, settings.CLIENT_SETTINGS)
