"""One number for a host and for how often its history has changed in what others remember of it."""

from __future__ import annotations

from typing import Final

_BITS: Final = 40
NOBODY: Final = 0
"""The number of a host of which nothing was ever stored."""


def revision_of(host_id: int, changes: int) -> int:
    """See ``vain.store.metrics.archive.Archive.revision``."""
    return host_id << _BITS | changes


def host_of(revision: int) -> int:
    """The number of the host."""
    return revision >> _BITS
