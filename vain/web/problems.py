"""Errors as answers: RFC 9457 ``application/problem+json``, the same on every route."""

from __future__ import annotations

from typing import Any

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
    errors.TooManyRequests: (429, "Too many requests"),
    errors.Unavailable: (503, "Unavailable"),
    errors.StoreFull: (507, "Disk full"),
}


def problem(error: errors.VainError, instance: str) -> Response:
    """The answer that tells of an error; ``instance`` is the path that was asked."""
    status, title = _STATUSES.get(type(error), (500, "Internal error"))
    document: dict[str, Any] = {
        "type": f"/problems/{title.lower().replace(' ', '-')}",
        "title": title,
        "status": status,
        "detail": error.detail,
        "instance": instance,
    }
    if error.flaws:
        document["errors"] = [_flaw(flaw) for flaw in error.flaws]
    return Response(encode(document), status=status, content_type=CONTENT_TYPE, headers=_headers(error))


def internal_error(instance: str) -> Response:
    """The answer when vAIn itself failed; what happened is in its log, never in the answer."""
    return problem(errors.VainError("Something went wrong inside vAIn; its log says what."), instance)


def _flaw(flaw: errors.Flaw) -> dict[str, str]:
    where = {"pointer": flaw.pointer, "parameter": flaw.parameter}
    return {name: value for name, value in where.items() if value is not None} | {"detail": flaw.detail}


def _headers(error: errors.VainError) -> dict[str, str]:
    if isinstance(error, errors.MethodNotAllowed):
        return {"Allow": ", ".join(error.allow)}
    if isinstance(error, errors.Unauthenticated):
        return {"WWW-Authenticate": 'Bearer realm="vAIn"'}
    if isinstance(error, errors.TooManyRequests):
        return {"Retry-After": str(error.retry_after_seconds)}
    if isinstance(error, errors.Unavailable):
        return {"Retry-After": "1"}
    return {}
