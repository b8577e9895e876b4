"""``/oauth/begin`` and ``/oauth/callback``: out to the provider, and back."""

from __future__ import annotations

import asyncio
import html
from typing import Protocol
from urllib.parse import parse_qs, quote, urlencode

from vain.admission import Person
from vain.errors import Forbidden, NotFound, Unavailable
from vain.store.keys import SESSION_SECONDS, KeyRing
from vain.types import Role
from vain.web.declared import operation
from vain.web.gate import Gate, cookie_named, cookie_names, session_cookie
from vain.web.headers import SECURITY_HEADERS
from vain.web.http import Request, Response
from vain.web.login import HTML, new_session, next_path, set_cookie
from vain.web.oauth import (
    MOST_AT_ONCE,
    PENDING_SECONDS,
    SIGNED_IN_SECONDS,
    NotSignedIn,
    OAuth,
    Pending,
    Trouble,
    key_name,
)

CALLBACK_PATH = "/oauth/callback"
SUFFIX = "-oauth"
"""Of the cookie that the browser takes along; before it stands the name of the session's."""
LARGEST_COOKIE, LARGEST_TARGET = 4_096, 1_000
_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_PAGE_HEADERS = {**SECURITY_HEADERS["page"], "Content-Security-Policy": _POLICY}


class Services(Protocol):
    """What these handlers need of the server."""

    @property
    def gate(self) -> Gate:
        """The gate in front of all routes."""

    @property
    def keys(self) -> KeyRing:
        """The keys that open it."""

    @property
    def oauth(self) -> OAuth | None:
        """The provider, if there is one."""


@operation("beginOauth", tag="server", hidden=True)
async def begin(services: Services, request: Request) -> Response:
    """``GET /oauth/begin?next=/board``: sends the browser to the provider."""
    oauth = _oauth(services)
    target = next_path(request.query)
    try:
        address, cookie = await oauth.begin(target if len(target) <= LARGEST_TARGET else "/", _redirect_uri(request))
    except (Unavailable, Forbidden):
        return _back(request, "away", target)
    headers = {"Location": address, "Set-Cookie": _pending_cookie(request, cookie, PENDING_SECONDS)}
    return Response(status=303, headers=headers)


@operation("endOauth", tag="server", hidden=True)
async def callback(services: Services, request: Request) -> Response:
    """``GET /oauth/callback?state=…&code=…``: who came back gets the session's cookie. Raises TooManyRequests."""
    oauth, told, target = _oauth(services), _told(request.query), "/"
    try:
        pending = oauth.pending(cookie_named(request.headers, _names(request), LARGEST_COOKIE), told.get("state"))
        target = pending.target
        if "code" not in told:
            raise NotSignedIn("refused")
        person, role = await _admitted(oauth, services.gate, pending, told["code"], request.peer)
    except NotSignedIn as error:
        return _back(request, error.trouble, target)
    cookie = await asyncio.to_thread(
        _enter, services.keys, person, role, session_cookie(request.headers, request.secure)
    )
    return _onward(request, target, cookie)


async def _admitted(oauth: OAuth, gate: Gate, pending: Pending, code: str, peer: str) -> tuple[Person, Role]:
    """What fails at the provider uses up patience; what does not get so far must not: any page can send somebody here,
    and would keep them from signing in. Raises NotSignedIn or TooManyRequests."""
    gate.check_patience(peer)
    try:
        return await oauth.admitted(pending, code)
    except NotSignedIn:
        gate.lose_patience(peer)
        raise


def _enter(keys: KeyRing, person: Person, role: Role, before: str | None) -> str:
    """The cookie of a session of their own."""
    name = key_name(person)
    keys.forget_surplus(name, MOST_AT_ONCE - 1)
    info, _ = keys.create(name, role, SIGNED_IN_SECONDS)
    return new_session(keys, info.key_id, before)


def _onward(request: Request, target: str, cookie: str) -> Response:
    """A page that goes on by itself: a redirect would still count as sent by the provider, and come without the cookie,
    which is SameSite=Strict."""
    refresh = f'<meta http-equiv="refresh" content="0;url=..{html.escape(target)}">'
    text = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>vAIn</title>{refresh}'
    headers = {**_PAGE_HEADERS, "Set-Cookie": set_cookie(request, cookie, SESSION_SECONDS)}
    return Response(text.encode(), content_type=HTML, headers=headers)


def _back(request: Request, trouble: Trouble, target: str) -> Response:
    """To the page of the sign-in, which says what is wrong."""
    headers = {
        "Location": f"/login?{urlencode({'trouble': trouble})}&next={quote(target)}",
        "Set-Cookie": _pending_cookie(request, "", 0),
    }
    return Response(status=303, headers=headers)


def _told(query: str) -> dict[str, str]:
    """What the provider sent along; a name that comes twice is none of its own."""
    try:
        found = parse_qs(query, max_num_fields=50)
    except ValueError:
        return {}
    return {name: values[0] for name, values in found.items() if len(values) == 1}


def _oauth(services: Services) -> OAuth:
    if services.oauth is None:
        raise NotFound("This server signs nobody in through a provider.")
    return services.oauth


def _redirect_uri(request: Request) -> str:
    """Where the provider sends the browser back to, as it has to know it; the gate has checked the host."""
    host = request.headers.get("Host") or ""
    return f"{'https' if request.secure else 'http'}://{host}{request.prefix}{CALLBACK_PATH}"


def _names(request: Request) -> tuple[str, ...]:
    return tuple(name + SUFFIX for name in cookie_names(request.secure))


def _pending_cookie(request: Request, value: str, seconds: int) -> str:
    """As the session's, but sent along when the provider sends the browser back."""
    return set_cookie(request, value, seconds, SUFFIX).replace("SameSite=Strict", "SameSite=Lax")
