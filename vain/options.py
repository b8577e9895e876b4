"""How commands are described to argparse: examples in every help, options as the table of settings has them."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from vain.setting_types import Setting, Settings
from vain.terminal import Screen

Command = Callable[[argparse.Namespace, Settings, Screen], int]
if TYPE_CHECKING:
    Commands = argparse._SubParsersAction["Parser"]


class Parser(argparse.ArgumentParser):
    """Options are never guessed from their first letters: a new option would change what an old script means."""

    def __init__(self, **more: object) -> None:
        formatter = argparse.RawDescriptionHelpFormatter
        super().__init__(formatter_class=formatter, allow_abbrev=False, **more)  # type: ignore[arg-type]


def command(commands: Commands, name: str, run: Command | None, purpose: str, *examples: tuple[str, str]) -> Parser:
    """A new command, with examples that teach it."""
    parser = commands.add_parser(
        name, help=purpose, description=f"{purpose[0].upper()}{purpose[1:]}.", epilog=example_text(*examples)
    )
    parser.set_defaults(run=run)
    return parser


def example_text(*examples: tuple[str, str]) -> str:
    """The end of a help text: command lines, and what each does."""
    lines = (f"  {line}\n      {meaning}" for line, meaning in examples)
    return "examples:\n" + "\n".join(lines)


def add_settings(parser: argparse.ArgumentParser, rows: Iterable[Setting[Any]]) -> None:
    """Options as the table of settings has them; ``settings.load`` reads their text, so that errors read alike."""
    for row in rows:
        default = "" if row.flag else f"{row.default_text or row.default}; "
        text = f"{row.help} [{default}{row.variable}]".replace("%", "%%")
        if row.flag:
            parser.add_argument(row.option, dest=row.name, action="store_const", const=True, help=text)
        else:
            action = "append" if row.repeatable else "store"
            parser.add_argument(row.option, dest=row.name, action=action, metavar=row.unit.upper(), help=text)


def add_json(parser: argparse.ArgumentParser) -> None:
    """``--json``."""
    parser.add_argument("--json", action="store_true", help="JSON, for programs")
