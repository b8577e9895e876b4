"""Text for a terminal: aligned, coloured where a person looks, and never obeyed by the terminal.

What others wrote (a task's name, an error message) may hold escape sequences that rewrite the screen or turn the text
round; ``safe`` shows such characters instead of sending them.
"""

from __future__ import annotations

import re
import shutil
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from typing import TextIO

import msgspec

NARROWEST_COLUMN = 12
_JOINERS = "\u200c\u200d"
"""Parts of words and of emoji; harmless."""
_PLAIN = re.compile(r"[ -~]*")
_COLORS = {
    "pending": "33",
    "in-progress": "36",
    "completed": "32",
    "failed": "31",
    "timed-out": "31",
    "crashed": "31",
    "overdue": "31",
    "high": "31",
    "low": "2",
}


def safe(text: str) -> str:
    """The text on one line, with every character that a terminal could act upon written as its escape."""
    if _PLAIN.fullmatch(text):
        return text
    return "".join(_shown(character) for character in text)


def safe_json(value: object, indented: bool = False) -> str:
    """The value as JSON, the same characters as ``\\uXXXX`` (which JSON readers turn back)."""
    encoded = msgspec.json.encode(value)
    text = (msgspec.json.format(encoded, indent=2) if indented else encoded).decode()
    return text if text.isascii() and "\x7f" not in text else "".join(_json_shown(character) for character in text)


def width_of(text: str) -> int:
    """How many columns the text takes: wide characters two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(_columns_of(character) for character in text)


def cut(text: str, width: int) -> str:
    """The text, or as much of it as fits ``width`` columns with an ellipsis at the end."""
    if width_of(text) <= width:
        return text
    kept, used = "", 0
    for character in text:
        used += _columns_of(character)
        if used > width - 1:
            break
        kept += character
    return kept + "…"


class Screen:
    """Where a command writes. Results go to stdout (``print``), what is said about them to stderr (``note``)."""

    def __init__(self, color: bool | None = None, out: TextIO | None = None, err: TextIO | None = None) -> None:
        self.out = out or sys.stdout
        self.err = err or sys.stderr
        is_terminal = self.out.isatty()
        self.color = is_terminal if color is None else color and is_terminal
        self.width = shutil.get_terminal_size().columns if is_terminal else None
        """None: nobody looks, so nothing is cut."""

    def print(self, line: str = "") -> None:
        """A result."""
        self.out.write(line + "\n")

    def note(self, line: str) -> None:
        """A word to the person at the keyboard."""
        self.err.write(line + "\n")

    def table(self, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Aligned columns, each as wide as it must be; the last takes what is left, and is cut on a terminal."""
        cells = [[safe(cell) for cell in row] for row in rows]
        widths = [max(width_of(row[i]) for row in [headings, *cells]) for i in range(len(headings) - 1)]
        left = None if self.width is None else max(NARROWEST_COLUMN, self.width - sum(widths) - 2 * len(widths))
        self.print(self.styled("  ".join(self._padded(headings, widths, left)), "1"))
        for row in cells:
            self.print("  ".join(self._padded(row, widths, left)))

    def styled(self, text: str, code: str) -> str:
        """The text in a style (an SGR code), where colours are wanted."""
        return f"\x1b[{code}m{text}\x1b[0m" if self.color and code else text

    def _padded(self, row: Sequence[str], widths: Sequence[int], left: int | None) -> list[str]:
        cells = [
            self.styled(cell, _COLORS.get(cell.rpartition(" ")[2], "")) + " " * (width - width_of(cell))
            for cell, width in zip(row, widths, strict=False)
        ]
        return [*cells, row[-1] if left is None else cut(row[-1], left)]


def _is_shown_as_it_is(character: str) -> bool:
    # Cc control, Cf format (bidi overrides among them), Cs surrogate, Co private, Cn unassigned, Zl and Zp separators
    return unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") or character in _JOINERS


def _shown(character: str) -> str:
    return character if _is_shown_as_it_is(character) else character.encode("unicode_escape").decode()


def _json_shown(character: str) -> str:
    if character == "\n" or _is_shown_as_it_is(character):
        return character
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))


def _columns_of(character: str) -> int:
    if unicodedata.combining(character) or character in _JOINERS:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
