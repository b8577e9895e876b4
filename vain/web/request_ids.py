"""What a request is called, in the answer and in the log: as the client calls it, or by a name of ours."""

from __future__ import annotations

import re
import secrets
from itertools import count

HEADER = "X-Request-Id"
LONGEST = 128
_SANE = re.compile(rf"[\x21-\x7e]{{1,{LONGEST}}}", re.ASCII)
_numbers = count(1)
_start = secrets.token_hex(6)
"""Tells the requests of this process from those of another."""


def request_id(given: str | None) -> str:
    """The name that the client gave, if it is visible ASCII of at most ``LONGEST`` characters; else a new one."""
    if given is not None and _SANE.fullmatch(given):
        return given
    return f"{_start}-{next(_numbers)}"
