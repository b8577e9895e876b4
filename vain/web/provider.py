"""Asks a provider who somebody is: OpenID Connect by discovery, and GitHub's own way.

The code is exchanged with a proof (PKCE) and the client secret. Every address is https, or on this machine. Belongs to
the event loop.
"""

from __future__ import annotations

import asyncio
import base64
import math
import time
from collections.abc import Awaitable, Mapping
from typing import Any, Protocol
from urllib.parse import quote, urlencode, urlsplit

import msgspec
from msgspec import Struct
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest

from vain.admission import Person, check_token, person_of
from vain.clock import Clock
from vain.errors import Forbidden, Misconfigured, Unavailable, VainError
from vain.setting_types import Settings
from vain.web.gate import is_loopback

DISCOVERY_SECONDS = 3_600.0
AWAY_SECONDS = 2.0
"""A provider that does not answer is not asked again within this time: everybody can have it asked."""
ANSWER_SECONDS = 10.0
LARGEST_ANSWER_BYTES = 1 << 20
USED_UP = frozenset({"tenant", "subdomain", "url", "server", "issuer"})
"""Extra parameters that say where the provider is; others are sent along."""
LABELS = {"google": "Google", "github": "GitHub", "azure": "Microsoft", "okta": "Okta", "gitlab": "GitLab",
          "auth0": "Auth0", "generic": "your account"}  # fmt: skip


class Asking(Struct, frozen=True):
    """One sign-in: what is sent with it, and must come back."""

    state: str
    nonce: str
    verifier: str
    challenge: str
    redirect_uri: str


class Provider(Protocol):
    """What the sign-in needs of one."""

    label: str

    async def address(self, asking: Asking) -> str:
        """Where to send the browser. Raises Unavailable."""

    async def person(self, asking: Asking, code: str) -> Person:
        """Who came back with a code. Raises Forbidden or Unavailable."""


class Fetch(Protocol):
    """One request; the JSON object that is answered. Raises Forbidden or Unavailable."""

    def __call__(
        self, url: str, form: Mapping[str, str] | None = None, **headers: str
    ) -> Awaitable[dict[str, Any]]: ...


def provider_of(settings: Settings) -> Provider | None:
    """The provider that the settings name. Raises Misconfigured when something is missing."""
    name = settings.oauth_provider
    if name is None:
        return None
    if not settings.oauth_key:
        raise Misconfigured("--oauth-provider needs --oauth-key: what the provider calls this server (client id).")
    if not settings.oauth_roles:
        raise Misconfigured(
            "--oauth-provider needs --oauth-role, or nobody gets in: --oauth-role you@example.org=admin."
        )
    extra = dict(pair.split("=", 1) for pair in settings.oauth_extra)
    sent = {name: value for name, value in extra.items() if name not in USED_UP}
    client = Client(settings.oauth_key, settings.oauth_secret, sent)
    if name == "github":
        return GitHub(_checked(extra.get("url", "https://github.com")), client, fetch)
    return OpenId(_checked(issuer_of(name, extra)), LABELS[name], client, fetch)


def issuer_of(name: str, extra: Mapping[str, str]) -> str:
    """Where a provider of OpenID Connect is. Raises Misconfigured, naming the parameter that is missing."""
    if "issuer" in extra:
        return extra["issuer"]
    if name == "google":
        return "https://accounts.google.com"
    if name == "azure":
        return f"https://login.microsoftonline.com/{_needed(name, extra, 'tenant')}/v2.0"
    if name == "auth0":
        return f"https://{_needed(name, extra, 'subdomain')}.auth0.com/"
    if name == "gitlab":
        return f"https://{extra.get('url', 'gitlab.com')}"
    if name == "okta":
        return f"https://{_needed(name, extra, 'url')}/oauth2/{extra.get('server', 'default')}"
    return _needed(name, extra, "issuer")


class Client(Struct, frozen=True):
    """What this server is to the provider."""

    key: str
    secret: str | None
    extra: Mapping[str, str]

    def __repr__(self) -> str:
        """Without the secret, so that no log and no traceback shows it."""
        return f"Client({self.key!r})"

    def asked(self, address: str, asking: Asking, scope: str, **more: str) -> str:
        """The address with which a sign-in begins."""
        parameters = {
            **self.extra,
            "response_type": "code",
            "client_id": self.key,
            "redirect_uri": asking.redirect_uri,
            "scope": scope,
            "state": asking.state,
            "code_challenge": asking.challenge,
            "code_challenge_method": "S256",
            **more,
        }
        return f"{address}{'&' if '?' in address else '?'}{urlencode(parameters)}"

    def proof(self, asking: Asking, code: str) -> dict[str, str]:
        """What is sent for a token, but the secret."""
        return {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": asking.redirect_uri,
            "client_id": self.key,
            "code_verifier": asking.verifier,
        }


class OpenId:
    """A provider that says at its issuer's address where all else is."""

    def __init__(self, issuer: str, label: str, client: Client, fetch: Fetch, clock: Clock = time.time) -> None:
        self.label, self._issuer, self._client = label, issuer, client
        self._fetch, self._clock = fetch, clock
        self._found: tuple[float, dict[str, Any]] | None = None
        self._looking = asyncio.Lock()
        self._failed_at = -math.inf

    async def address(self, asking: Asking) -> str:
        """See ``Provider``."""
        found = await self._discovered()
        return self._client.asked(found["authorization_endpoint"], asking, "openid email profile", nonce=asking.nonce)

    async def person(self, asking: Asking, code: str) -> Person:
        """See ``Provider``."""
        found = await self._discovered()
        form, headers = self._client.proof(asking, code), {}
        if self._client.secret is not None and _takes_basic(found):
            headers["Authorization"] = _basic(self._client.key, self._client.secret)
        elif self._client.secret is not None:
            form["client_secret"] = self._client.secret
        answer = await self._fetch(found["token_endpoint"], form, **headers)
        token = _claims(answer.get("id_token"))
        check_token(token, self._issuer, self._client.key, asking.nonce, self._clock())
        return person_of(token, await self._told(found, answer))

    async def _told(self, found: Mapping[str, Any], answer: Mapping[str, Any]) -> dict[str, Any]:
        address, token = found.get("userinfo_endpoint"), answer.get("access_token")
        if not isinstance(address, str) or not isinstance(token, str):
            return {}
        return await self._fetch(address, Authorization=f"Bearer {token}")

    async def _discovered(self) -> dict[str, Any]:
        async with self._looking:
            if self._found is None or self._clock() - self._found[0] > DISCOVERY_SECONDS:
                if self._clock() - self._failed_at < AWAY_SECONDS:
                    raise Unavailable("The provider does not answer; try again in a moment.")
                try:
                    self._found = self._clock(), await self._look()
                except VainError:
                    self._failed_at = self._clock()
                    raise
            return self._found[1]

    async def _look(self) -> dict[str, Any]:
        found = await self._fetch(f"{self._issuer.rstrip('/')}/.well-known/openid-configuration")
        if found.get("issuer") != self._issuer:
            raise Unavailable(f"The provider calls itself {str(found.get('issuer'))[:200]}, not {self._issuer}.")
        for name in ("authorization_endpoint", "token_endpoint"):
            _require_safe(found.get(name))
        return found


class GitHub:
    """GitHub, or a GitHub Enterprise at an address of its own."""

    label = LABELS["github"]

    def __init__(self, url: str, client: Client, fetch: Fetch) -> None:
        self._url, self._client, self._fetch = url.rstrip("/"), client, fetch
        self._api = "https://api.github.com" if self._url == "https://github.com" else f"{self._url}/api/v3"

    async def address(self, asking: Asking) -> str:
        """See ``Provider``."""
        return self._client.asked(f"{self._url}/login/oauth/authorize", asking, "read:user user:email")

    async def person(self, asking: Asking, code: str) -> Person:
        """See ``Provider``. Its addresses are verified where it says so; the account's number is the subject."""
        form = self._client.proof(asking, code) | {"client_secret": self._client.secret or ""}
        answer = await self._fetch(f"{self._url}/login/oauth/access_token", form)
        token = answer.get("access_token")
        if not isinstance(token, str):
            raise Forbidden("The provider does not know this sign-in.")
        known = await self._fetch(f"{self._api}/user", Authorization=f"Bearer {token}")
        emails = await self._fetch(f"{self._api}/user/emails", Authorization=f"Bearer {token}")
        subject = known.get("id")
        if not isinstance(subject, int):
            raise Forbidden("What the provider answered is not about one person.")
        return person_of({"sub": str(subject), **_primary(emails.get("items"))}, {})


async def fetch(url: str, form: Mapping[str, str] | None = None, **headers: str) -> dict[str, Any]:
    """See ``Fetch``. A list that is answered becomes ``items``. Follows no redirect."""
    _require_safe(url)
    request = HTTPRequest(
        url,
        method="GET" if form is None else "POST",
        headers={"Accept": "application/json", "User-Agent": "vain", **headers},
        body=None if form is None else urlencode(form),
        follow_redirects=False,
        request_timeout=ANSWER_SECONDS,
    )
    client = AsyncHTTPClient(force_instance=True, max_body_size=LARGEST_ANSWER_BYTES)
    try:
        answer = msgspec.json.decode((await client.fetch(request)).body)
    except HTTPClientError as error:
        if 400 <= error.code < 500:
            raise Forbidden("The provider does not know this sign-in.") from error
        raise Unavailable("The provider does not answer; try again in a moment.") from error
    except (OSError, msgspec.DecodeError, ValueError) as error:
        raise Unavailable("The provider does not answer; try again in a moment.") from error
    finally:
        client.close()
    return answer if isinstance(answer, dict) else {"items": answer}


def _primary(emails: object) -> dict[str, Any]:
    for each in emails if isinstance(emails, list) else []:
        if isinstance(each, dict) and each.get("primary") is True:
            return {"email": each.get("email"), "email_verified": each.get("verified")}
    return {}


def _claims(token: object) -> dict[str, Any]:
    """What stands in an id token. Raises Forbidden."""
    try:
        body = str(token).split(".")[1]
        found = msgspec.json.decode(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except (IndexError, ValueError, msgspec.DecodeError) as error:
        raise Forbidden("The provider did not say who you are.") from error
    return found if isinstance(found, dict) else {}


def _takes_basic(found: Mapping[str, Any]) -> bool:
    return "client_secret_basic" in found.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])


def _basic(key: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{quote(key, safe='')}:{quote(secret, safe='')}".encode()).decode()


def _needed(name: str, extra: Mapping[str, str], parameter: str) -> str:
    if parameter not in extra:
        raise Misconfigured(f"--oauth-provider {name} needs --oauth-extra-params {parameter}=…")
    return extra[parameter]


def _checked(url: str) -> str:
    if not _is_safe(url):
        raise Misconfigured(f"The provider is at {url!r}: an https address would be right.")
    return url


def _require_safe(url: object) -> None:
    if not isinstance(url, str) or not _is_safe(url):
        raise Unavailable("The provider names an address that is not https.")


def _is_safe(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and (parts.scheme == "https" or _is_here(parts.scheme, parts.hostname or ""))
    except ValueError:
        return False


def _is_here(scheme: str, host: str) -> bool:
    """Plain http is for a provider on this machine."""
    return scheme == "http" and is_loopback(host)
