"""How the commands that follow tasks, or report for them, are described to argparse."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING

from vain import follow_commands as follow
from vain import settings
from vain.errors import Misconfigured
from vain.fields import duration_seconds
from vain.happened import EVENT_TYPES
from vain.options import Parser, add_json, add_settings, command
from vain.resuming import Position

if TYPE_CHECKING:
    from vain.options import Commands
    from vain.setting_types import Settings
    from vain.terminal import Screen

LARGEST_PID = 2**22
"""Of Linux; no other system goes higher."""


def add_follow(commands: Commands) -> None:
    """``vain watch``, ``vain wait``, ``vain log``, ``vain ping`` and ``vain attach``."""
    _add_watch(commands)
    _add_wait(commands)
    _add_log(commands)
    _add_ping(commands)
    _add_attach(commands)


def _add_watch(commands: Commands) -> None:
    parser = command(
        commands, "watch", _watch, "show what happens, as it happens",
        ("vain watch", "a line for each change of a task and each notification, until Ctrl-C"),
        ("vain watch --json --tag gpu | jq -r .status", "a line of JSON each, for a program"),
        ("vain watch --json --since a1b2c3:812", "from where an earlier line stood (its .position): nothing is missed"),
    )  # fmt: skip
    parser.add_argument("--since", metavar="POSITION", type=_position, help="go on after this position [now]")
    parser.add_argument(
        "--type",
        action="append",
        choices=EVENT_TYPES,
        metavar="TYPE",
        help=f"only such events: {', '.join(EVENT_TYPES)} (may be repeated) [the first two; of chosen tasks the first]",
    )
    parser.add_argument("--task", metavar="ID", action="append", type=_task_id, help="only this task (may be repeated)")
    parser.add_argument("--tag", action="append", help="only tasks with this tag (repeated: with all of them)")
    # Not the setting of that name, which is where a server listens.
    parser.add_argument(
        "--host", dest="task_host", metavar="NAME", action="append", help="only tasks of this machine (may be repeated)"
    )
    add_json(parser)
    add_settings(parser, settings.CLIENT_SETTINGS)


def _watch(args: argparse.Namespace, known: Settings, screen: Screen) -> int:
    # It needs a WebSocket, which no other command should wait for.
    from vain import watch_commands

    return watch_commands.watch(args, known, screen)


def _add_wait(commands: Commands) -> None:
    parser = command(
        commands, "wait", follow.wait, "wait until tasks are completed",
        ("vain wait 7 8 && echo done", "exit code 0 if all succeeded, 1 if one did not"),
        ("vain wait --any --timeout 45m 7 8", "the first of them; exit code 124 if none is completed by then"),
    )  # fmt: skip
    parser.add_argument("ids", metavar="ID", nargs="+", type=_task_id, help="number of a task")
    parser.add_argument("--any", dest="any_", action="store_true", help="only until one of them is completed")
    # Not the setting of that name, which is how long a single answer may take.
    parser.add_argument("--timeout", dest="limit", metavar="TIME", type=_seconds, help="at most so long: 90, 45m, 2h")
    add_json(parser)
    add_settings(parser, [settings.URL])


def _add_log(commands: Commands) -> None:
    parser = command(
        commands, "log", follow.log, "show the output of a task",
        ("vain log 7", "the last 64 KiB of it"),
        ("vain log -f 7", "what comes, too, until the task is completed"),
    )  # fmt: skip
    parser.add_argument("id", metavar="ID", type=_task_id, help="number of a task")
    parser.add_argument("-f", "--follow", action="store_true", help="go on until the task is completed")
    add_settings(parser, settings.CLIENT_SETTINGS)


def _add_ping(commands: Commands) -> None:
    parser = command(
        commands, "ping", follow.ping, "report a job that runs again and again",
        ("backup.sh; vain ping backup $? --every 1d --grace 1h", "how it ended, and when the next is to come"),
        ("backup.sh 2>&1 | vain ping backup log -", "what it put out, as the log of its task"),
    )  # fmt: skip
    parser.add_argument("key", metavar="KEY", help="the name of the job, always the same")
    parser.add_argument(
        "words", metavar="WORD", nargs="*", help="start, fail, log, or the exit code 0 to 255 [it ended well]; then '-'"
    )
    parser.add_argument("--log-from-stdin", action="store_true", help="standard input is its log, as with '-'")
    every = "the next comes within this time: 90s, 26h, 1d; 0 calls it off"
    parser.add_argument("--every", metavar="TIME", type=_length, help=every)
    parser.add_argument("--grace", metavar="TIME", type=_length, help="how late it may be before that is told")
    parser.add_argument("--name", help="what it is called on the board [KEY]")
    add_json(parser)
    add_settings(parser, settings.CLIENT_SETTINGS)


def _add_attach(commands: Commands) -> None:
    parser = command(
        commands, "attach", follow.attach, "make a task of a process that already runs",
        ("vain attach 4711 -n 'old job'", "the server watches it, and ends the task with it"),
        ("id=$(vain attach --quiet $!) && vain wait $id", "the number of the task in a variable"),
    )  # fmt: skip
    parser.add_argument("pid", metavar="PID", type=_pid, help="number of a process on this machine")
    parser.add_argument("-n", "--name", help="the task's name [the program's]")
    parser.add_argument("-t", "--tag", action="append", default=[], help="a tag (may be repeated)")
    _add_quiet(parser)
    add_settings(parser, settings.CLIENT_SETTINGS)


def _add_quiet(parser: Parser) -> None:
    parser.add_argument("--quiet", action="store_true", help="print the number of the task and nothing else")


def _task_id(text: str) -> int:
    if not re.fullmatch(r"[1-9]\d{0,15}", text, re.ASCII):
        raise argparse.ArgumentTypeError(f"{text!r} is not the number of a task")
    return int(text)


def _position(text: str) -> str:
    try:
        Position.parse(text)
    except ValueError as exc:
        raise argparse.ArgumentTypeError(str(exc)) from None
    return text


def _pid(text: str) -> int:
    if not re.fullmatch(r"[1-9]\d{0,9}", text, re.ASCII) or int(text) > LARGEST_PID:
        raise argparse.ArgumentTypeError(f"{text!r} is not the number of a process")
    return int(text)


def _seconds(text: str) -> float:
    if re.fullmatch(r"\d{1,9}(\.\d{1,3})?", text, re.ASCII):
        return float(text)
    try:
        return duration_seconds(text)
    except Misconfigured:
        raise argparse.ArgumentTypeError(f"{text!r} is no time such as 90, 45m, 2h or 1d") from None


def _length(text: str) -> str:
    """As it was written, which is how the server reads it."""
    _seconds(text)
    return text
