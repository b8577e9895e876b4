"""Who gets in through a provider, and as what: pure rules over what the provider says of a person.

Nobody does by default. An address counts only if the provider says that it was verified: at some, anybody may write any
address into their own account.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from hmac import compare_digest
from typing import Any

from msgspec import Struct

from vain.errors import Forbidden
from vain.types import ROLES, Role

Claims = Mapping[str, Any]

LEEWAY_SECONDS = 60.0
"""So far the provider's clock may be from ours."""
LARGEST_SUBJECT = 255


class Person(Struct, frozen=True):
    """Somebody whom a provider knows: ``subject`` is its own name for them, ``email`` a verified address."""

    subject: str
    email: str | None = None
    groups: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What people know them by."""
        return self.email or self.subject


def role_of(person: Person, rules: Iterable[str]) -> Role | None:
    """The strongest role that a rule (``who=role``) gives; None: nobody gave them one."""
    roles = [role for rule in rules for who, _, role in [rule.rpartition("=")] if _is_meant(who, person)]
    return max(roles, key=ROLES.index, default=None)  # type: ignore[arg-type]  # forms.admissions checked


def _is_meant(who: str, person: Person) -> bool:
    kind, _, value = who.partition(":")
    if kind == "group" and value:
        return value in person.groups
    if kind == "sub" and value:
        return value == person.subject
    if person.email is None:
        return False
    domain = _folded(person.email.rpartition("@")[2])
    return _folded(who) in (_folded(person.email), f"@{domain}")


def _folded(address: str) -> str:
    """Without regard to case, in ASCII alone: elsewhere (a sharp s is ss) two people's addresses would become one."""
    return address.lower() if address.isascii() else address


def check_token(claims: Claims, issuer: str, client: str, nonce: str, now: float) -> None:
    """Whether an id token was made by this provider, for this server, for this sign-in, and still counts.

    It came from the provider itself over TLS, which vouches for it in place of a signature (OpenID Connect Core,
    3.1.3.7). Raises Forbidden.
    """
    audience = claims.get("aud")
    several = audience if isinstance(audience, list) else [audience]
    is_ours = client in several and (len(several) == 1 or claims.get("azp") == client)
    expires = claims.get("exp")
    counts = isinstance(expires, int | float) and math.isfinite(expires) and now < expires + LEEWAY_SECONDS
    told = claims.get("nonce")
    is_asked = isinstance(told, str) and compare_digest(told.encode(), nonce.encode())
    if claims.get("iss") != issuer or not is_ours or not counts or not is_asked:
        raise Forbidden("What the provider answered is not for this sign-in.")


def person_of(token: Claims, told: Claims) -> Person:
    """The person of an id token, with what the provider tells of them besides. Raises Forbidden."""
    subject = token.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= LARGEST_SUBJECT or told.get("sub", subject) != subject:
        raise Forbidden("What the provider answered is not about one person.")
    emails = [claims["email"] for claims in (token, told) if _has_verified(claims)]
    groups = [each for claims in (token, told) for name in ("groups", "roles") for each in _texts(claims.get(name))]
    return Person(subject, emails[0] if emails else None, tuple(dict.fromkeys(groups)))


def _has_verified(claims: Claims) -> bool:
    email = claims.get("email")
    return isinstance(email, str) and "@" in email and email.isprintable() and claims.get("email_verified") is True


def _texts(value: object) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []
