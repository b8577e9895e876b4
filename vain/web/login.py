"""Signing in with a key: the page, and the cookie that stands for the key from then on.

The cookie is 256 random bits, of which the server keeps the hash, so it can be ended; no script of a page can read it
(HttpOnly) and no other site can use it (SameSite=Strict).
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import html
import re
from pathlib import Path
from typing import Protocol
from urllib.parse import parse_qs, quote, unquote

from msgspec import Struct

from vain.codec import received
from vain.errors import Forbidden, NotFound, Unauthenticated
from vain.store.keys import SESSION_SECONDS, KeyRing
from vain.web.declared import Answer, operation
from vain.web.gate import COOKIE, PREFIXED_COOKIE, SECURE_COOKIE, Gate, session_cookie
from vain.web.headers import SECURITY_HEADERS
from vain.web.http import Request, Response
from vain.web.oauth import TROUBLES, OAuth

HTML = "text/html; charset=utf-8"
_PAGE = Path(__file__).with_name("login.html").read_text(encoding="utf-8")
_URL_LETTERS = "/?#%&=+:;,@!$'()*~"
"""What a ``Location`` keeps as it is: ``%`` too, since the target is quoted already where it needs to be."""
_RELATIVE = re.compile(r"/(?![/\\])(?!([^?]*/)?\.\.?([/?#]|$))[^\\\x00-\x1f\x7f]*")
"""No other host, and no way up: behind a proxy, other programs may live above."""


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
        """The provider through which people sign in, if there is one."""


class Credentials(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of ``POST /login``."""

    key: str

    def __repr__(self) -> str:
        """Without the key, so that no log and no traceback shows it."""
        return "Credentials(key=***)"


@operation(
    "showLogin",
    Answer(200, "The page.", media=(HTML,), json=False),
    Answer(303, "A key is not needed, or was given already.", headers=("Location",)),
    tag="server",
)
async def page(services: Services, request: Request) -> Response:
    """``GET /login?next=/board``: where a key is asked for. Who needs none, or is signed in, is sent on."""
    target = next_path(request.query)
    cookie = session_cookie(request.headers, request.secure)
    if not services.keys.any_keys() or (cookie and services.keys.session(cookie)):
        return Response(status=303, headers={"Location": quote(target, safe=_URL_LETTERS)})
    body = _page_for(target, services.oauth, request.query).encode()
    return Response(body, content_type=HTML, headers=_HEADERS)


@operation(
    "signIn", Answer(204, "The cookie is set.", headers=("Set-Cookie",)), tag="server", body=Credentials, refuses=(401,)
)
async def sign_in(services: Services, request: Request) -> Response:
    """``POST /login``: a key for a cookie. Raises Unauthenticated, the same for every wrong key, or TooManyRequests."""
    key = await services.gate.find_key(received(Credentials, request.body).key, request.peer)
    if key.role == "agent":
        raise Forbidden(f"The key {key.name!r} is that of an agent: it opens no page.")
    before = session_cookie(request.headers, request.secure)
    cookie = await asyncio.to_thread(new_session, services.keys, key.key_id, before)
    return Response(status=204, headers={"Set-Cookie": set_cookie(request, cookie, SESSION_SECONDS)})


@operation("signOut", Answer(204, "The cookie is taken away.", headers=("Set-Cookie",)), tag="server")
async def sign_out(services: Services, request: Request) -> Response:
    """``POST /logout``: the session ends, here and in the browser. Does no harm without one."""
    cookie = session_cookie(request.headers, request.secure)
    if cookie is not None:
        await services.gate.learn(cookie)
        await asyncio.to_thread(services.keys.end_session, cookie)
    return Response(status=204, headers={"Set-Cookie": set_cookie(request, "", 0)})


def _page_for(target: str, oauth: OAuth | None, query: str) -> str:
    """The page; what the address says comes last, so that nothing in it is taken for a place to fill."""
    link, what = "", "This server needs an API key."
    if oauth is not None:
        trouble = TROUBLES.get((parse_qs(query).get("trouble") or [""])[0], "")
        address = html.escape(f"./oauth/begin?next={quote(target)}")
        link = f'<p role="alert">{trouble}</p><a class="button" href="{address}">Sign in with {oauth.label}</a>'
        what = "Sign in, or use an API key."
    return _PAGE.replace("{provider}", link).replace("{what}", what).replace("{next}", html.escape(target))


def sign_in_url(path: str, query: str = "") -> str:
    """Where to send a browser that asked for a page without being signed in."""
    return f"/login?next={quote(f'{path}?{query}' if query else path)}"


def next_path(query: str) -> str:
    """Where to go after signing in: a path on this server, however it is written; ``/`` in place of anything else."""
    target = (parse_qs(query).get("next") or ["/"])[0]
    once = unquote(target)
    if not all(_RELATIVE.fullmatch(form) for form in (target, once, unquote(once))):
        return "/"
    return "/" if once.partition("?")[0].rstrip("/") == "/login" else target


def new_session(keys: KeyRing, key_id: str, before: str | None) -> str:
    """A new session in place of the one that the browser had, which nobody shall find and use again."""
    try:
        cookie = keys.new_session(key_id)
    except NotFound:
        raise Unauthenticated("The API key is not valid.") from None
    if before is not None:
        keys.end_session(before)
    return cookie


def set_cookie(request: Request, value: str, seconds: int, suffix: str = "") -> str:
    """What sets our cookie, or with a ``suffix`` another of ours; in 0 seconds it is gone.

    Behind a proxy that ends the TLS, the page's own address, which the gate has checked, says that it is https.
    """
    secure = request.secure or (request.headers.get("Origin") or "").startswith("https://")
    name, flag = (PREFIXED_COOKIE if request.prefix else SECURE_COOKIE, "; Secure") if secure else (COOKIE, "")
    return f"{name}{suffix}={value}; Path={request.prefix or '/'}; Max-Age={seconds}; HttpOnly; SameSite=Strict{flag}"


def _source(tag: str) -> str:
    """What a policy calls the one style or script in the page: its hash, so that nothing else runs there."""
    text = _PAGE.partition(f"<{tag}>")[2].partition(f"</{tag}>")[0]
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


_POLICY = (
    f"default-src 'none'; script-src {_source('script')}; style-src {_source('style')}; img-src data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {**SECURITY_HEADERS["page"], "Content-Security-Policy": _POLICY}
