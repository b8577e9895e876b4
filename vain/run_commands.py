"""``vain run``: from the command line to the exit code. Loads the standard library alone."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from vain import run_options, settings
from vain.errors import Misconfigured
from vain.runner import jobs
from vain.runner.outcome import NOT_EXECUTABLE, NOT_FOUND
from vain.runner.progress import parse_pattern
from vain.runner.reporting import Order

WRONG_USE = 2


def main(arguments: Sequence[str]) -> int:
    """``vain run`` with what follows it; the exit code. Wrong use ends the process with 2, as argparse does."""
    return run(run_options.parser().parse_args(arguments))


def run(args: argparse.Namespace, *_: object) -> int:
    """The same, once the arguments are read."""
    try:
        order = _order(args)
        _use(args.url)
    except Misconfigured as exc:
        return _refuse(exc.detail)
    warning = settings.load_reporting().warning
    if warning is not None:
        _say(f"nothing is reported: {warning}")
    end = jobs.run(order)
    if end.error is not None and end.exit_code in (NOT_EXECUTABLE, NOT_FOUND, 1):
        _say(end.error["message"])
    return end.exit_code


def _order(args: argparse.Namespace) -> Order:
    command = args.command[1:] if args.command[:1] == ["--"] else args.command
    if not command:
        raise Misconfigured("there is no command: `vain run -- COMMAND` would be right.")
    return Order(
        arguments=command,
        name=args.name,
        tags=args.tag,
        priority=args.priority,
        key=args.key,
        limit_seconds=args.limit,
        expect_seconds=args.expect,
        pattern=None if args.progress is None else parse_pattern(args.progress),
        keeps_log=not args.no_log,
        with_arguments=args.with_arguments,
    )


def _use(url: str | None) -> None:
    """The command's own reports go to the same server, so it finds the address in its environment."""
    if url is not None:
        address = settings.load({settings.URL.name: url}, {}).url
        settings.restore_run({settings.URL.variable: address})


def _refuse(detail: str) -> int:
    _say(detail)
    return WRONG_USE


def _say(text: str) -> None:
    # The command's own stderr may be closed, and a word about it is not worth a failure.
    if sys.stderr is not None:
        print(f"vain: {text}", file=sys.stderr, flush=True)  # noqa: T201
