"""The options of ``vain agent`` and ``vain hosts``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vain import settings
from vain.options import Command, add_json, add_settings, command

if TYPE_CHECKING:
    from vain.options import Commands


def add_agent(commands: Commands, run: Command) -> None:
    """``vain agent``."""
    parser = command(
        commands, "agent", run, "look at this machine, and report to a server on another one",
        ("vain agent --server https://vain.example.org", "with the key of the file that VAIN_API_KEY_FILE names"),
        ("vain keys create gpu-3 --role agent --host gpu-3", "on the server: a key that may do no more than this"),
    )  # fmt: skip
    add_settings(parser, settings.AGENT_SETTINGS)


def add_hosts(commands: Commands, run: Command) -> None:
    """``vain hosts``, with its actions."""
    parser = command(
        commands, "hosts", None, "list the machines that report, and forget those that are gone",
        ("vain hosts ls", "what each does now"),
        ("vain hosts rm gpu-3", "with its history"),
    )  # fmt: skip
    actions = parser.add_subparsers(title="actions", metavar="ACTION", dest="action", required=True)

    parser = command(
        actions, "ls", run, "list the machines, the server's own first",
        ("vain hosts ls", "a table"),
        ("vain hosts ls --json | jq -r 'select(.silent).name'", "those that are silent, for a program"),
    )  # fmt: skip
    add_json(parser)
    add_settings(parser, settings.CLIENT_SETTINGS)

    parser = command(
        actions, "rm", run, "forget machines, and delete their history",
        ("vain hosts rm gpu-3", "one"),
        ("vain hosts ls --json | jq -r 'select(.silent).name' | xargs vain hosts rm", "all that are silent"),
    )  # fmt: skip
    parser.add_argument("names", metavar="NAME", nargs="+", help="name of a machine")
    add_settings(parser, settings.CLIENT_SETTINGS)
