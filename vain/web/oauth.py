"""Signing in through a provider: what leaves with the browser, what has to come back, and who then gets in.

What has to come back (state, nonce, the proof's verifier, where to go on) is in a signed cookie that counts for ten
minutes, so strangers cannot fill the server's memory with sign-ins. Who comes back gets a key that nobody knows and
that ends after twelve hours, and with it the same cookie as who signs in with a key: REST, sockets and pages ask for
nothing else, and ``vain keys list`` and ``revoke`` show and end it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import secrets
import time
from collections.abc import Mapping, Sequence
from typing import Literal

from msgspec import Struct

from vain.admission import Person, role_of
from vain.clock import Clock
from vain.codec import decode, encode
from vain.errors import Forbidden, VainError
from vain.setting_types import Settings
from vain.store.keys import LONGEST_NAME, KeyRing
from vain.types import Role
from vain.web.provider import Asking, Provider, provider_of

logger = logging.getLogger(__name__)

PENDING_SECONDS = 600
SIGNED_IN_SECONDS = 12 * 3_600.0
"""Then the provider is asked again, which knows who is still meant to get in."""
MOST_AT_ONCE = 20
"""Of one person; signing in once more ends the oldest."""
MOST_ASKING = 20
"""So many codes are shown to the provider at a time: anybody can bring one that it does not know."""
NAME_PREFIX = "oauth:"
"""Of the keys that stand for people who signed in so."""
RULES_NAME = "oauth.rules"

Trouble = Literal["role", "stale", "refused", "away"]
TROUBLES: Mapping[str, str] = {
    "role": "You are known there, but nobody gave you a role here.",
    "stale": "This sign-in took too long, or was begun elsewhere. Try again.",
    "refused": "You were not signed in there.",
    "away": "Nobody answers there. Try again in a moment.",
}


class NotSignedIn(Forbidden):
    """Why somebody did not get in, as the page of the sign-in tells them."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(TROUBLES[trouble])
        self.trouble: Trouble = trouble


class Pending(Struct, frozen=True):
    """What the cookie carries."""

    state: str
    nonce: str
    verifier: str
    target: str
    redirect_uri: str
    expires_at: float


class OAuth:
    """``rules`` say who gets which role; ``secret`` signs. ``clock`` gives Unix seconds. Belongs to the event loop."""

    def __init__(self, provider: Provider, rules: Sequence[str], secret: bytes, clock: Clock = time.time) -> None:
        self.label = provider.label
        self._provider, self._rules, self._clock = provider, tuple(rules), clock
        self._asking = 0
        self._secret = hmac.digest(secret, b"vain-oauth", "sha256")

    async def begin(self, target: str, redirect_uri: str) -> tuple[str, str]:
        """Where to send the browser, and the cookie that it takes along. Raises Unavailable."""
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        pending = Pending(state, nonce, verifier, target, redirect_uri, self._clock() + PENDING_SECONDS)
        return await self._provider.address(_asking(pending)), self._signed(pending)

    def pending(self, cookie: str | None, state: str | None) -> Pending:
        """The sign-in that this browser began. Raises NotSignedIn for another's, an old one, and none."""
        pending = self._opened(cookie or "")
        if pending is None or self._clock() >= pending.expires_at:
            raise NotSignedIn("stale")
        if state is None or not hmac.compare_digest(pending.state.encode(), state.encode()):
            raise NotSignedIn("stale")
        return pending

    async def admitted(self, pending: Pending, code: str) -> tuple[Person, Role]:
        """Who came back, and what they may do. Raises NotSignedIn."""
        if self._asking >= MOST_ASKING:
            raise NotSignedIn("away")
        self._asking += 1
        try:
            person = await self._provider.person(_asking(pending), code)
        except VainError as error:
            logger.warning("Nobody was signed in through %s: %s", self.label, error.detail)
            raise NotSignedIn("refused" if isinstance(error, Forbidden) else "away") from error
        finally:
            self._asking -= 1
        role = role_of(person, self._rules)
        if role is None:
            logger.warning("No --oauth-role is for %r, whom %s knows", person.name, self.label)
            raise NotSignedIn("role")
        return person, role

    def _signed(self, pending: Pending) -> str:
        body = base64.urlsafe_b64encode(encode(pending)).decode().rstrip("=")
        return f"{body}.{self._signature(body)}"

    def _opened(self, cookie: str) -> Pending | None:
        body, _, signature = cookie.partition(".")
        if not hmac.compare_digest(self._signature(body).encode(), signature.encode()):
            return None
        return decode(Pending, base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))

    def _signature(self, body: str) -> str:
        return hmac.new(self._secret, body.encode(), "sha256").hexdigest()


def oauth_of(settings: Settings, keys: KeyRing, secret: bytes) -> OAuth | None:
    """What the settings name, or None. Ends who got in by other settings. Raises Misconfigured."""
    provider = provider_of(settings)
    told = (settings.oauth_provider, settings.oauth_key, settings.oauth_extra, settings.oauth_roles)
    _end_others(keys, "" if provider is None else hashlib.sha256(encode(told)).hexdigest())
    return None if provider is None else OAuth(provider, settings.oauth_roles, secret)


def key_name(person: Person) -> str:
    """The name of the key that stands for them."""
    # A subject may look like an address; it must not pass for the address of somebody.
    who = f"sub:{person.subject}" if person.email is None and "@" in person.subject else person.name
    name = NAME_PREFIX + who
    if len(name) <= LONGEST_NAME and name.isprintable():
        return name
    return NAME_PREFIX + hashlib.sha256(person.subject.encode()).hexdigest()[:32]


def _asking(pending: Pending) -> Asking:
    digest = hashlib.sha256(pending.verifier.encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    return Asking(pending.state, pending.nonce, pending.verifier, challenge, pending.redirect_uri)


def _end_others(keys: KeyRing, rules: str) -> None:
    """Who was let in by rules that have changed since has to sign in again."""
    if keys.note(RULES_NAME) == rules:
        return
    for info in keys.list():
        if info.name.startswith(NAME_PREFIX) and keys.is_valid(info.key_id):
            keys.revoke(info.key_id)
    keys.set_note(RULES_NAME, rules)
