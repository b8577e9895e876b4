"""How ``vain run`` is described to argparse, for ``vain --help`` and for itself."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING, Any

from vain.settings import URL

if TYPE_CHECKING:
    from collections.abc import Callable

    from vain.options import Commands

PURPOSE = "run a command as a task"
PRIORITIES = ("low", "medium", "high")
UNIT_SECONDS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
LONGEST_SECONDS = 366 * 86_400.0
USAGE = "vain run [options] [--] COMMAND [ARGUMENT ...]"
EPILOG = """\
The command finds its streams, its terminal and its signals as it would without vain, and its exit code is passed
through. 124: --timeout ended it; 126, 127: it cannot be started, or there is none; 128 + N: signal N ended it.

examples:
  vain run -- make -j4
      a task 'make', with the end of its output as its log
  vain run --name "train resnet" --expect 60 --progress '(\\d+)/(\\d+)' -- python train.py
      its progress on the board, and a warning when nothing comes for a minute"""


def add_run(commands: Commands, run: Callable[..., int]) -> None:
    """``vain run`` among the other commands; ``run`` does it."""
    parser = commands.add_parser("run", help=PURPOSE, description=_sentence(PURPOSE), epilog=EPILOG, usage=USAGE)
    _add_options(parser)
    parser.set_defaults(run=run)


def parser() -> argparse.ArgumentParser:
    """``vain run`` alone: the other commands load what a job should not wait for."""
    alone = argparse.ArgumentParser(
        prog="vain run",
        usage=USAGE,
        description=_sentence(PURPOSE),
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    _add_options(alone)
    return alone


def _add_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("-n", "--name", help="the task's name [the program's]")
    add("-t", "--tag", action="append", default=[], help="a tag (may be repeated)")
    add("--priority", choices=PRIORITIES, default="medium", help="how urgent it is [%(default)s]")
    add("--key", help="the recurring job that this is a run of")
    add("--timeout", dest="limit", metavar="TIME", type=_seconds, help="end it after this time: 90, 45m, 2h")
    add("--expect", metavar="TIME", type=_seconds, help="its output comes at least this often")
    add("--progress", metavar="REGEX", help=_shown("progress in its output: '(\\d+)%', '(\\d+)/(\\d+)'"))
    add("--no-log", action="store_true", help="keep nothing of its output")
    add("--with-arguments", action="store_true", help="store the whole command line, not the program's name alone")
    add(URL.option, metavar=URL.unit.upper(), help=_shown(f"{URL.help} [{URL.default_text}; {URL.variable}]"))
    add("command", metavar="COMMAND", nargs=argparse.REMAINDER, help="what to run, and its arguments")


def _seconds(text: str) -> float:
    found = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)([smhd]?)", text, re.ASCII)
    seconds = 0.0 if found is None else float(found[1]) * UNIT_SECONDS[found[2]]
    if not 0.0 < seconds <= LONGEST_SECONDS:
        raise argparse.ArgumentTypeError(f"{text!r} is no time such as 90, 45m, 2h or 1d")
    return seconds


def _shown(text: str) -> str:
    return text.replace("%", "%%")


def _sentence(text: str) -> Any:
    return f"{text[0].upper()}{text[1:]}."
