"""A signed POST for each notification, as Standard Webhooks 1.0 has it (https://www.standardwebhooks.com).

The number of the message stays the same in each attempt; time and signature are those of the attempt. Redirects are not
followed, proxies of the environment not used, and of what is answered only the status counts.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import socket
import ssl
import time
from ipaddress import ip_address
from typing import Any
from urllib.parse import SplitResult, urlsplit

from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest
from tornado.netutil import Resolver
from tornado.simple_httpclient import HTTPTimeoutError

from vain.clock import Clock
from vain.delivery.aside import Aside
from vain.delivery.sending import Kind, Parcel, Refused
from vain.errors import Misconfigured

CONNECT_SECONDS, ANSWER_SECONDS = 5.0, 10.0
LARGEST_ANSWER_BYTES = 64 << 10
SECRET_PREFIX = "whsec_"  # noqa: S105  (what a secret begins with)
FEWEST_SECRET_BYTES, MOST_SECRET_BYTES = 24, 64
LONGEST_PAUSE_SECONDS = 600.0

Addresses = list[tuple[int, Any]]


def secret_key(written: str, called: str = "VAIN_WEBHOOK_SECRET") -> bytes:
    """The key in a secret as it is written down: ``whsec_`` and base64. Raises Misconfigured, without the secret."""
    right = f"{SECRET_PREFIX} and {FEWEST_SECRET_BYTES} to {MOST_SECRET_BYTES} random bytes in base64 would be right."
    try:
        key = base64.b64decode(written.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise Misconfigured(f"{called} is not base64: {right}") from None
    if not written.startswith(SECRET_PREFIX):
        raise Misconfigured(f"{called} does not begin with {SECRET_PREFIX}: {right}")
    if not FEWEST_SECRET_BYTES <= len(key) <= MOST_SECRET_BYTES:
        raise Misconfigured(f"{called} has {len(key)} bytes: {right}")
    return key


class Webhook:
    """One receiver. Raises Misconfigured when its address is not one that may be used."""

    kind: Kind = "webhook"
    most_tries = None
    takes_many = takes_charts = False

    def __init__(self, url: str, key: bytes | None, epoch: str, host: str, clock: Clock = time.time) -> None:
        self.target = f"{checked_address(url).scheme}://***"
        self._url, self._key, self._epoch, self._host, self._clock = url, key, epoch, host, clock
        self._resolver = _OwnThread()

    async def send(self, parcel: Parcel) -> None:
        """See ``Sender``: any status of 200 to 299 means that it is taken, 410 that nothing more is wanted."""
        (notification,) = parcel.notifications
        body = parcel.json(self._host)
        number = f"msg_{self._epoch}_{notification.notification_id}"
        _check(*await self._post(body, {"Content-Type": "application/json", **self._signed(number, body)}))

    def _signed(self, number: str, body: bytes) -> dict[str, str]:
        seconds = str(int(self._clock()))
        headers = {"webhook-id": number, "webhook-timestamp": seconds, "User-Agent": "vain"}
        if self._key is not None:
            digest = hmac.digest(self._key, f"{number}.{seconds}.".encode() + body, hashlib.sha256)
            headers["webhook-signature"] = f"v1,{base64.b64encode(digest).decode()}"
        return headers

    async def _post(self, body: bytes, headers: dict[str, str]) -> tuple[int, str | None]:
        """The status that was answered, and what ``Retry-After`` says."""
        answer = _Answer()
        request = HTTPRequest(
            self._url,
            method="POST",
            headers=headers,
            body=body,
            follow_redirects=False,
            decompress_response=False,
            connect_timeout=CONNECT_SECONDS,
            request_timeout=ANSWER_SECONDS,
            header_callback=answer.take,
        )
        client = AsyncHTTPClient(force_instance=True, resolver=self._resolver, max_body_size=LARGEST_ANSWER_BYTES)
        try:
            fetched = asyncio.ensure_future(client.fetch(request, raise_error=False))
            # Not simply awaited: when that is cancelled, Tornado logs the end of the connection as an error.
            fetched.add_done_callback(lambda done: done.exception())
            await asyncio.wait({fetched})
            fetched.result()
        except (HTTPClientError, OSError, ValueError) as error:
            # What follows the status does not count: an answer that is too long was an answer.
            if answer.status is None:
                raise Refused(_said_of(error)) from None
        finally:
            client.close()
        if answer.status is None:
            raise Refused("it could not be reached")
        return answer.status, answer.retry_after


class _Answer:
    """What is looked at of an answer, as it comes in."""

    status: int | None = None
    retry_after: str | None = None

    def take(self, line: str) -> None:
        name, _, value = line.partition(":")
        if line.startswith("HTTP/"):
            self.status = int(line.split(" ", 2)[1])
        elif name.lower() == "retry-after":
            self.retry_after = value.strip()


class _OwnThread(Resolver):
    """Looks names up beside the loop and beside its own threads, which a name server that is silent would use up."""

    def initialize(self) -> None:
        self._aside: Aside[Addresses] = Aside("vain-webhook-name")

    async def resolve(self, host: str, port: int, family: socket.AddressFamily = socket.AF_UNSPEC) -> Addresses:
        """See ``tornado.netutil.Resolver``."""

        def look() -> Addresses:
            found = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
            return list(dict.fromkeys((int(entry[0]), entry[4]) for entry in found))

        try:
            return await self._aside.call((host, port), look, CONNECT_SECONDS)
        except TimeoutError:
            raise socket.gaierror(socket.EAI_AGAIN, "nobody answered in time") from None


def _check(status: int, retry_after: str | None) -> None:
    if 200 <= status < 300:
        return
    if status == 410:
        raise Refused("it wants nothing any more (410)", is_final=True)
    if 300 <= status < 400:
        raise Refused(f"it answered {status}, and redirects are not followed")
    asked = retry_after if status in (429, 503) else None
    pause = min(float(asked), LONGEST_PAUSE_SECONDS) if asked and asked.isascii() and asked.isdecimal() else None
    raise Refused(f"it answered {status}", pause_seconds=pause)


def _said_of(error: Exception) -> str:
    """What went wrong, without what the error says itself: that may name the address."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return "its certificate could not be verified"
    if isinstance(error, ssl.SSLError):
        return "no encrypted connection could be made"
    if isinstance(error, socket.gaierror):
        return "its name could not be looked up"
    if isinstance(error, HTTPTimeoutError):
        is_slow = str(error) == "Timeout during request"  # the others name what was to be connected to
        limit = ANSWER_SECONDS if is_slow else CONNECT_SECONDS
        return f"it {'did not answer' if is_slow else 'could not be reached'} within {limit:g} s"
    if isinstance(error, ConnectionRefusedError):
        return "it refused the connection"
    return "it could not be reached, or broke the connection off"


def checked_address(url: str) -> SplitResult:
    """The address in its parts, if it may be used. Raises Misconfigured, without it."""
    try:
        parts = urlsplit(url)
        is_right = bool(parts.hostname) and parts.port != 0 and not parts.fragment
    except ValueError:
        is_right = False
    if not is_right or parts.scheme not in ("https", "http"):
        raise Misconfigured("The webhook's address cannot be used: https://HOST/PATH would be right.")
    if parts.scheme == "http" and not _is_here(parts.hostname or ""):
        raise Misconfigured("The webhook's address is not encrypted: https, or http on this machine, would be right.")
    return parts


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
