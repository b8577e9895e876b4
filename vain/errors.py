"""Every error that vAIn raises on purpose.

Raised where the fact is known, caught where it can be answered: ``web/problems.py`` turns each class into an HTTP
status, ``cli.py`` into an exit code. Nothing here knows of either.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Flaw:
    """One thing that is wrong with an input: what, and where.

    ``pointer`` is a JSON pointer (RFC 6901) into the body, ``parameter`` names a query parameter; at most one is set.
    """

    detail: str
    pointer: str | None = None
    parameter: str | None = None


class VainError(Exception):
    """The base of all of them. ``detail`` is one sentence for a person; ``flaws`` say what was wrong where."""

    def __init__(self, detail: str, flaws: Iterable[Flaw] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.flaws = tuple(flaws)


class Malformed(VainError):
    """The input cannot be read: not JSON, an unknown or unreadable parameter."""


class Invalid(VainError):
    """The input can be read, but a field of it breaks a rule."""


class NotFound(VainError):
    """There is no such thing."""


class Conflict(VainError):
    """The change does not fit the state that it meets."""


class PreconditionFailed(VainError):
    """The thing is no longer at the version that the caller expected."""


class KeyMismatch(VainError):
    """An idempotency key came back with another body."""


class Unauthenticated(VainError):
    """No valid API key or session came with the request."""


class Forbidden(VainError):
    """The caller is known, but may not do this; or the page that sent the request is not ours."""


class WrongHost(VainError):
    """The request names a host that this server does not answer for (DNS rebinding looks like this)."""


class MethodNotAllowed(VainError):
    """The path exists, the method does not; ``allow`` lists those that do."""

    def __init__(self, detail: str, allow: Iterable[str]) -> None:
        super().__init__(detail)
        self.allow = tuple(allow)


class NotAcceptable(VainError):
    """None of the asked representations can be given."""


class TooLarge(VainError):
    """The body is larger than this server takes."""


class UnsupportedMediaType(VainError):
    """The body is not ``application/json``."""


class UpgradeRequired(VainError):
    """The client speaks no version of the WebSocket protocol that this server does."""


class TooManyRequests(VainError):
    """Slow down; ``retry_after_seconds`` says for how long."""

    def __init__(self, detail: str, retry_after_seconds: int = 1) -> None:
        super().__init__(detail)
        self.retry_after_seconds = retry_after_seconds


class Unavailable(VainError):
    """Not now: starting, stopping, or more work waits than the queue may hold."""


class Diverged(Unavailable):
    """The database is another one than before: a standby was promoted, or it has gone back to a backup."""

    def __init__(self) -> None:
        super().__init__("The database has changed over to another state; this server begins anew.")


class StoreFull(VainError):
    """The disk is full: reads go on, writes do not."""


class StoreLocked(VainError):
    """Another vAIn already uses this data folder."""


class StoreDamaged(VainError):
    """The database is of a newer version, or damaged; it was not touched."""


class Misconfigured(VainError):
    """A setting is missing or wrong; the message names it and says what would be right."""


class Unreachable(VainError):
    """The vAIn server did not answer (used by the client and the command line)."""


class TimedOut(VainError, TimeoutError):
    """What was waited for did not come within the time (used by the client)."""
