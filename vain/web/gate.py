"""The one gate in front of every route: who may come in, and as whom.

In this order: the host name, the page that sent the request, the credential, the role, the kind of body. What a route
needs is declared with it, and a path without a route needs what most routes need. Knows no Tornado, only headers.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable
from ipaddress import ip_address
from typing import Literal, Protocol

from msgspec import Struct

from vain.clock import Clock
from vain.errors import Forbidden, Misconfigured, Unauthenticated, UnsupportedMediaType
from vain.store.key_text import digest
from vain.store.keys import KeyInfo, KeyRing
from vain.types import KEY_ROLES, KeyRole
from vain.web.failures import Failures
from vain.web.origins import Origins
from vain.web.second_look import SecondLook, Unknown

COOKIE, SECURE_COOKIE, PREFIXED_COOKIE = "vain", "__Host-vain", "__Secure-vain"
"""The name of the session cookie over http and https; a browser lets nobody but this very host set the second, which
must hold for all of the host's paths; so with ``--prefix`` it is the third."""
LARGEST_CREDENTIAL = 256
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
"""Those that change nothing."""

_RANK = {role: rank for rank, role in enumerate(KEY_ROLES)}
_OWN_SITE = ("same-origin", "none")
_NO_CREDENTIAL = (
    "An API key is needed: send `Authorization: Bearer <key>`, or sign in at /login. `vain keys create` makes a key."
)


class Headers(Protocol):
    """What the gate reads of a request: Tornado's ``HTTPHeaders`` is one."""

    def get_list(self, name: str, /) -> list[str]:
        """Every value that was sent under this name."""


class Identity(Struct, frozen=True):
    """Who sent a request."""

    role: KeyRole
    name: str
    key_id: str | None = None
    session: bytes | None = None
    """The digest of the session cookie, for who signed in."""
    host: str | None = None
    """Of an agent, the only host that it may write."""


LOCAL = Identity("admin", "local")
"""Everybody, on a server without keys, which listens on loopback only."""
NOBODY = Identity("read", "nobody")
"""The caller of a public route, of whom nothing was asked; a route that needs a role never sees it."""


class Gate:
    """``hosts``, ``port`` and ``scheme`` are those of ``Origins``; ``clock`` is monotonic, in seconds."""

    def __init__(
        self,
        hosts: Iterable[str],
        port: int,
        keys: KeyRing,
        scheme: Literal["http", "https"] = "http",
        clock: Clock = time.monotonic,
        other_origins: Iterable[str] = (),
    ) -> None:
        self._origins = Origins(hosts, port, scheme, other_origins)
        self.allows_others = bool(self._origins.others)
        """Whether there are pages of other origins that may use the interface."""
        self._keys = keys
        self._failures = Failures(clock)
        self._second_look = SecondLook(keys.look)

    def admit(
        self,
        method: str,
        path: str,
        headers: Headers,
        peer: str,
        needs: KeyRole | None,
        websocket: bool = False,
        takes: Collection[str] = (),
        secure: bool = False,
        looked: bool = False,
    ) -> Identity:
        """Who sent this request, which may go on.

        ``path`` is the request target without the query, ``peer`` the address at the other end of the connection,
        ``needs`` the weakest role that may call the route, None for a route that is declared public, ``takes`` the
        media types of a body that the route takes beside JSON, ``secure`` whether it is known to have come over https.
        Raises WrongHost, Forbidden, Unauthenticated, TooManyRequests, UnsupportedMediaType, Unavailable, or first of
        all Unknown: then the caller waits for ``look_again`` and asks once more, with ``looked``.
        """
        self._origins.check_host(headers.get_list("Host"))
        if not path.startswith("/"):
            self._origins.check_target(path)
        origins = headers.get_list("Origin")
        if origins:
            self._origins.check_page(origins)
        is_other = self.allows_others and self._origins.other_page(origins) is not None
        changes = method not in SAFE_METHODS
        sites = headers.get_list("Sec-Fetch-Site")
        if sites and not is_other:
            _check_site(sites, headers, alone=changes or websocket)
        if (changes or websocket) and not origins and sites != ["same-origin"]:
            _refuse_cookie(headers)
        identity = self._identified(headers, peer, needs, () if is_other else cookie_names(secure), looked)
        if changes:
            _check_body(method, headers, takes)
        return identity

    def other_page(self, headers: Headers) -> str | None:
        """The origin of the page that sent this, if it is not one of this server and was allowed by name."""
        return self._origins.other_page(headers.get_list("Origin")) if self.allows_others else None

    def admit_preflight(self, path: str, headers: Headers) -> Identity:
        """A browser asks, without a credential, whether an allowed page may send a request. Raises WrongHost."""
        self._origins.check_host(headers.get_list("Host"))
        if not path.startswith("/"):
            self._origins.check_target(path)
        return NOBODY

    def identify(self, secret: str, peer: str, needs: KeyRole, looked: bool = False) -> Identity:
        """Who has this key, on a connection that stands already. Raises what ``admit`` raises of a key."""
        if not self._keys.any_keys():
            return LOCAL
        return _with_role(self.check_key(secret, peer, looked), None, needs)

    async def look_again(self) -> None:
        """Wait until this server knows what the others knew when this was called. Raises Unavailable."""
        await self._second_look.take()

    async def find_key(self, secret: str, peer: str) -> KeyInfo:
        """``check_key``, and once more after a second look."""
        try:
            return self.check_key(secret, peer)
        except Unknown:
            await self.look_again()
            return self.check_key(secret, peer, looked=True)

    async def learn(self, cookie: str) -> None:
        """See to it that this server has heard of a session if any has. Raises Unavailable."""
        if not self._keys.is_at_hand and self._keys.session(cookie) is None:
            await self.look_again()

    def check_host(self, host: str) -> None:
        """The host that a trusted proxy was asked for. Raises WrongHost."""
        self._origins.check_host([host])

    def check_key(self, secret: str, peer: str, looked: bool = False) -> KeyInfo:
        """The key that this is. Raises Unauthenticated, Unavailable, Unknown unless ``looked``, or TooManyRequests once
        this peer has sent too many others."""
        if len(secret) > LARGEST_CREDENTIAL:
            secret = ""
        key = self._keys.identify(secret)
        if key is not None:
            return key  # even if others at the same address have used up the budget
        self._failures.check(peer)
        if not looked:
            self._look()  # the key may have been made within the last second
            key = self._keys.identify(secret)
        if key is None:
            self._failures.add(peer)
            raise Unauthenticated("The API key is not valid.")
        return key

    def check_patience(self, peer: str) -> None:
        """Raises TooManyRequests once this peer has failed to sign in too often. What others do keeps nobody out:
        a code of the provider's cannot be guessed, so many addresses that try gain nothing."""
        self._failures.check(peer, of_all=False)

    def lose_patience(self, peer: str) -> None:
        """This peer has failed to sign in."""
        self._failures.add(peer)

    def still_admits(self, identity: Identity) -> bool:
        """Whether an open connection may go on: False once its key or session has ended, or the first key was made."""
        if identity.session is not None:
            return self._keys.is_session_valid(identity.session)
        if identity.key_id is not None:
            return self._keys.is_valid(identity.key_id)
        return identity is NOBODY or not self._keys.any_keys()

    def _look(self) -> None:
        """What is at hand, at once. Raises Unknown where that would have the event loop wait."""
        if not self._keys.is_at_hand:
            raise Unknown(_NO_CREDENTIAL)
        self._keys.refresh()

    def _identified(
        self, headers: Headers, peer: str, needs: KeyRole | None, cookies: Iterable[str], looked: bool
    ) -> Identity:
        if needs is None:
            return NOBODY
        if not self._keys.any_keys():
            return LOCAL
        return _with_role(*self._key(headers, peer, cookies, looked), needs)

    def _key(self, headers: Headers, peer: str, cookies: Iterable[str], looked: bool) -> tuple[KeyInfo, bytes | None]:
        """The key of the ``Authorization`` header if there is one, valid or not; else the cookie's, and its digest.

        A cookie that stands for nothing is no failure: it is a page that was left open, not somebody who guesses.
        """
        if authorizations := headers.get_list("Authorization"):
            scheme, _, secret = authorizations[0].partition(" ")
            if len(authorizations) > 1 or scheme.lower() != "bearer":
                secret = ""
            return self.check_key(secret.strip(" "), peer, looked), None
        cookie = cookie_named(headers, cookies, LARGEST_CREDENTIAL)
        key = self._keys.session(cookie) if cookie else None
        if cookie and key is None and not looked and not self._keys.is_at_hand:
            raise Unknown(_NO_CREDENTIAL)
        if cookie is None or key is None:
            raise Unauthenticated(_NO_CREDENTIAL)
        return key, digest(cookie)


def _with_role(key: KeyInfo, session: bytes | None, needs: KeyRole) -> Identity:
    if _RANK[key.role] < _RANK[needs]:
        raise Forbidden(f"This needs the role {needs}; the key {key.name!r} has the role {key.role}.")
    return Identity(key.role, key.name, key.key_id, session, key.host)


def session_cookie(headers: Headers, secure: bool = False) -> str | None:
    """The value of our cookie. None when there is none, or several: one of them was put there by somebody else."""
    return cookie_named(headers, cookie_names(secure), LARGEST_CREDENTIAL)


def cookie_names(secure: bool) -> tuple[str, ...]:
    """What our cookie may be called. Where it is known to come over https, not by the name that pages without it, and
    those of other hosts of the same domain, can set: they would sign somebody in as who they like."""
    return (SECURE_COOKIE, PREFIXED_COOKIE) if secure else (SECURE_COOKIE, PREFIXED_COOKIE, COOKIE)


def cookie_named(headers: Headers, names: Iterable[str], largest: int) -> str | None:
    """The value of the first of these cookies that there is; None if it is there twice, or larger."""
    pairs = [pair.strip().partition("=") for line in headers.get_list("Cookie") for pair in line.split(";")]
    for name in names:
        values = [value for key, _, value in pairs if key == name]
        if values:
            return values[0] if len(values) == 1 and len(values[0]) <= largest else None
    return None


def require_key(address: str, keys: KeyRing, behind_proxy: bool = False, signs_in: bool = False) -> None:
    """Raises Misconfigured, with the command to type, when others can reach ``address`` and there is no key.

    Through a proxy (``behind_proxy``) they can reach any; and who wants people to sign in (``signs_in``) wants nobody
    let in without.
    """
    if keys.any_keys():
        return
    command = f"vain keys create me --role admin {keys.place}"
    if keys.left_aside():
        raise Misconfigured(
            f"The keys in {keys.data_dir} do not count beside --store, and the database has none: all could come in. "
            f"Make one with `{command}`, or remove the file keys.db."
        )
    if is_loopback(address) and not behind_proxy and not signs_in:
        return
    if signs_in and not behind_proxy and is_loopback(address):
        raise Misconfigured(
            f"Without a key, vAIn lets everybody on this machine in, and --oauth-provider changes nothing. "
            f"Make one with `{command}`."
        )
    if behind_proxy:
        raise Misconfigured(
            "Without a key, vAIn does not answer a proxy (--trust-proxy), through which others can reach it. "
            f"Make one with `{command}`."
        )
    raise Misconfigured(
        f"Without a key, vAIn does not listen on {address or 'every address'}, where other machines can reach it. "
        f"Make one with `{command}`, or leave out --host to listen on this machine only."
    )


def is_loopback(address: str) -> bool:
    """Whether only this machine can reach what listens on the address. A name other than localhost counts as not."""
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return address.lower() == "localhost"


def _check_site(sites: list[str], headers: Headers, alone: bool) -> None:
    """What the browser says of the page behind a request. Another site may link to a page of ours, and nothing else.

    An image that points at a page of ours could not show it, but would have it made, which takes milliseconds.
    """
    if len(sites) == 1 and sites[0] in _OWN_SITE:
        return
    if alone or headers.get_list("Sec-Fetch-Dest") != ["document"]:
        raise Forbidden("Another web site sent this request.")


def _refuse_cookie(headers: Headers) -> None:
    """A request that can change something and may have been sent by any page must not lean on a cookie."""
    if not headers.get_list("Authorization") and session_cookie(headers) is not None:
        raise Forbidden("A request with the session cookie must come from a page of this server (no Origin was sent).")


def _check_body(method: str, headers: Headers, takes: Collection[str]) -> None:
    """A body must be JSON, or of another type that a browser lets another page send only after asking: that is no."""
    lengths = headers.get_list("Content-Length")
    if lengths in ([], ["0"]) and not headers.get_list("Transfer-Encoding"):
        return
    types = headers.get_list("Content-Type")
    is_known = types == ["application/json"] or (len(types) == 1 and _is_json(types[0], method))
    is_known = is_known or (len(types) == 1 and types[0].partition(";")[0].strip().lower() in takes)
    if not is_known or headers.get_list("Content-Encoding"):
        also = f"; this route also takes {', '.join(takes)}" if takes else ""
        raise UnsupportedMediaType(
            f"A body is expected to be JSON in UTF-8, sent as `Content-Type: application/json`{also}."
        )


def _is_json(content_type: str, method: str) -> bool:
    media_type, *parameters = (part.strip().lower() for part in content_type.split(";"))
    if media_type != "application/json" and (media_type, method) != ("application/merge-patch+json", "PATCH"):
        return False
    return all(parameter.replace('"', "") in ("charset=utf-8", "") for parameter in parameters)
