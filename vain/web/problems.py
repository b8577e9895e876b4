"""Errors as answers: RFC 9457 ``application/problem+json``, the same on every route."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from vain import errors
from vain.codec import encode
from vain.web.http import Response

CONTENT_TYPE = "application/problem+json"

_STATUSES: dict[type[errors.VainError], tuple[int, str]] = {
    errors.Malformed: (400, "Malformed request"),
    errors.Unauthenticated: (401, "Not signed in"),
    errors.Forbidden: (403, "Forbidden"),
    errors.NotFound: (404, "Not found"),
    errors.MethodNotAllowed: (405, "Method not allowed"),
    errors.NotAcceptable: (406, "Not acceptable"),
    errors.Conflict: (409, "Conflict"),
    errors.PreconditionFailed: (412, "Precondition failed"),
    errors.TooLarge: (413, "Body too large"),
    errors.UnsupportedMediaType: (415, "Unsupported media type"),
    errors.WrongHost: (421, "Misdirected request"),
    errors.Invalid: (422, "Invalid value"),
    errors.KeyMismatch: (422, "Idempotency key reused"),
    errors.UpgradeRequired: (426, "Upgrade required"),
    errors.TooManyRequests: (429, "Too many requests"),
    errors.Unavailable: (503, "Unavailable"),
    errors.StoreFull: (507, "Disk full"),
}


class FlawAnswer(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One thing that is wrong: in the body at ``pointer`` (RFC 6901), or in the parameter or header ``parameter``."""

    pointer: str | None = None
    parameter: str | None = None
    detail: str


class Problem(Struct, frozen=True, omit_defaults=True):
    """What every error says (RFC 9457); ``instance`` is the path that was asked."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: list[FlawAnswer] = []
    request_id: str | None = None
    """What vAIn's log calls the request: the ``X-Request-Id`` of the answer."""


def titles() -> Mapping[int, str]:
    """What each status is called; where two errors share one, the more general."""
    return dict(reversed([*_STATUSES.values(), (500, "Internal error")]))


def described(error: errors.VainError, instance: str, request_id: str | None = None) -> Problem:
    """What is told of an error; ``instance`` is the path that was asked, ``request_id`` how it is called."""
    status, title = _STATUSES.get(type(error), (500, "Internal error"))
    kind = f"/problems/{title.lower().replace(' ', '-')}"
    flaws = [FlawAnswer(pointer=flaw.pointer, parameter=flaw.parameter, detail=flaw.detail) for flaw in error.flaws]
    return Problem(kind, title, status, error.detail, instance, flaws, request_id)


def problem(error: errors.VainError, instance: str, request_id: str | None = None) -> Response:
    """The answer that tells of an error, in the words of ``described``."""
    told = described(error, instance, request_id)
    return Response(encode(told), status=told.status, content_type=CONTENT_TYPE, headers=_headers(error))


def internal_error(instance: str, request_id: str | None = None) -> Response:
    """The answer when vAIn itself failed; what happened is in its log, never in the answer."""
    return problem(errors.VainError("Something went wrong inside vAIn; its log says what."), instance, request_id)


def _headers(error: errors.VainError) -> dict[str, str]:
    if isinstance(error, errors.MethodNotAllowed):
        return {"Allow": ", ".join(error.allow)}
    if isinstance(error, errors.Unauthenticated):
        return {"WWW-Authenticate": 'Bearer realm="vAIn"'}
    if isinstance(error, errors.UpgradeRequired):
        return {"Upgrade": "websocket", "Connection": "Upgrade"}
    if isinstance(error, errors.TooManyRequests):
        return {"Retry-After": str(error.retry_after_seconds)}
    if isinstance(error, errors.Unavailable):
        return {"Retry-After": "1"}
    return {}
