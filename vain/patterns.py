"""Which series somebody means who names metrics or patterns."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from vain.catalog import metric_of
from vain.errors import Flaw, Invalid, Malformed

MOST_PATTERNS = 200
LONGEST_PATTERN = 200
PARAMETER = "metrics"


def parsed(text: str) -> tuple[str, ...]:
    """Names and patterns from one line, with commas between. Raises Malformed for none, too many, or too long ones."""
    wanted = tuple(pattern for pattern in text.split(",") if pattern)
    if not 0 < len(wanted) <= MOST_PATTERNS or max(map(len, wanted)) > LONGEST_PATTERN:
        detail = f"1 to {MOST_PATTERNS} names or patterns of at most {LONGEST_PATTERN} characters are expected."
        raise Malformed(f"{PARAMETER}: {detail}", [Flaw(detail, parameter=PARAMETER)])
    return wanted


def matching(series: Sequence[str], wanted: Iterable[str] | None) -> list[str]:
    """The series that match, in their own order; all for None. Raises Invalid for a name that nothing has.

    A metric's name stands for all its instances (``disk.percent`` for ``disk.percent:/home``); in a pattern ``*``,
    ``?`` and ``[…]`` have the meaning that they have in a shell. A pattern that matches nothing is no error.
    """
    if wanted is None:
        return list(series)
    patterns = list(wanted)
    for pattern in patterns:
        # A metric that this machine does not have (a GPU, a limit) is no mistake.
        is_known = is_pattern(pattern) or metric_of(pattern) is not None
        if not is_known and not any(_fits(name, pattern) for name in series):
            detail = f"There is no metric {pattern[:100]!r}."
            raise Invalid(f"{PARAMETER}: {detail}", [Flaw(detail, parameter=PARAMETER)])
    return [name for name in series if any(_fits(name, pattern) for pattern in patterns)]


def is_pattern(text: str) -> bool:
    """Whether it may stand for more than one metric."""
    return re.search(r"[*?\[]", text) is not None


def exactly(series: str) -> str:
    """A pattern that only this series matches, and that is no error if there is none."""
    escaped = "".join(f"[{letter}]" if letter in "*?[" else letter for letter in series)
    return escaped if is_pattern(escaped) else f"[{series[0]}]{series[1:]}"


def _fits(name: str, pattern: str) -> bool:
    return name == pattern or name.partition(":")[0] == pattern or fnmatchcase(name, pattern)
