"""Progress that a command prints: the last match of the user's pattern, line by line."""

from __future__ import annotations

import re
from typing import NamedTuple

from vain.errors import Misconfigured

LONGEST_LINE_BYTES = 16 << 10
"""Of a longer line only the end is looked at."""
KNOWN_NAMES = frozenset({"current", "total", "percent", "message"})
_LINE_END = re.compile(rb"[\r\n]")
_LOOKS_AROUND = re.compile(r"\\[AZ]|\(\?(?:[=!>]|<[=!])|[*+?}]\+")
"""What may match in a line alone and yet not in the text that the line stands in."""


class Progress(NamedTuple):
    """What one line said; None for what it did not say."""

    current: float | None = None
    total: float | None = None
    percent: float | None = None
    message: str | None = None


def parse_pattern(text: str) -> re.Pattern[str]:
    """The pattern of ``--progress``. Raises Misconfigured, which says what is wrong with it."""
    try:
        pattern = re.compile(text)
    except re.error as exc:
        raise Misconfigured(f"--progress is {text!r}, which is no regular expression: {exc}.") from exc
    names = set(pattern.groupindex)
    if names and not names <= KNOWN_NAMES:
        wrong, right = ", ".join(sorted(names - KNOWN_NAMES)), ", ".join(sorted(KNOWN_NAMES))
        raise Misconfigured(f"--progress names the group {wrong}: {right} would be right.")
    if not names and pattern.groups not in (1, 2):
        right = "one group (percent), two (current, total) or named ones would be right"
        raise Misconfigured(f"--progress has {pattern.groups} groups: {right}, such as '(\\d+)%' or '(\\d+)/(\\d+)'.")
    return pattern


class LineReader:
    """One stream of output, cut into lines; a carriage return ends a line as a line feed does."""

    def __init__(self, pattern: re.Pattern[str]) -> None:
        self._pattern, self._begun = pattern, b""
        is_plain = _LOOKS_AROUND.search(pattern.pattern) is None
        self._anywhere = re.compile(pattern.pattern, pattern.flags | re.MULTILINE) if is_plain else None

    def feed(self, data: bytes) -> Progress | None:
        """The newest progress in the lines that these bytes ended."""
        *lines, begun = _LINE_END.split(self._begun + data)
        self._begun = begun[-LONGEST_LINE_BYTES:]
        return self._newest(lines) if self._is_likely(lines) else None

    def close(self) -> Progress | None:
        """What the last line said, which nothing has ended."""
        last, self._begun = self._begun, b""
        return self._newest([last])

    def _is_likely(self, lines: list[bytes]) -> bool:
        """One look at all lines, which is much quicker than one at each of many."""
        if self._anywhere is None or len(lines) < 2:
            return True
        return self._anywhere.search(b"\n".join(lines).decode(errors="replace")) is not None

    def _newest(self, lines: list[bytes]) -> Progress | None:
        for line in reversed(lines):
            if line and (found := self._in(line[-LONGEST_LINE_BYTES:])) is not None:
                return found
        return None

    def _in(self, line: bytes) -> Progress | None:
        matches = list(self._pattern.finditer(line.decode(errors="replace")))
        return next(filter(None, map(_said, reversed(matches))), None)


def _said(match: re.Match[str]) -> Progress | None:
    if match.re.groupindex:
        named = match.groupdict()
        current, total, percent = (_number(named.get(name)) for name in ("current", "total", "percent"))
        said = Progress(current, total, percent, named.get("message"))
    elif match.re.groups == 1:
        said = Progress(percent=_number(match[1]))
    else:
        said = Progress(_number(match[1]), _number(match[2]))
    return said if said != Progress() else None


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text.strip().replace(",", ""))
    except ValueError:
        return None
