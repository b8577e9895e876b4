"""What a WebSocket's handshake offers as subprotocols: our protocol, and a key that could be sent in no other way."""

from __future__ import annotations

from base64 import urlsafe_b64decode

from vain.messages import KEY_PROTOCOL, PROTOCOL
from vain.web.http import Headers


def says_who_later(headers: Headers) -> bool:
    """Whether a handshake without a credential may stand until its client says who it is.

    A browser cannot send the header, and is told nothing of a handshake that was refused.
    """
    if headers.get_list("Authorization"):
        return False
    return any(each == PROTOCOL or each.startswith(KEY_PROTOCOL) for each in _offered(headers))


def offered_key(headers: Headers) -> str | None:
    """The API key among the subprotocols; empty if it cannot be read, None if there is none."""
    for protocol in _offered(headers):
        if protocol.startswith(KEY_PROTOCOL):
            encoded = protocol.removeprefix(KEY_PROTOCOL)
            try:
                return urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()
            except ValueError:  # not base64, not UTF-8, or not even ASCII
                return ""
    return None


def _offered(headers: Headers) -> list[str]:
    return [each.strip() for line in headers.get_list("Sec-WebSocket-Protocol") for each in line.split(",")]
