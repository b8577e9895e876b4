"""As much of MQTT 3.1.1 as a subscriber and a publisher of quality 0 need, who trust their broker."""

from __future__ import annotations

import struct

TOPIC = b"tasks"
CONNACK_BYTES, SUBACK_BYTES = 4, 5
"""How long the broker's answers are."""


def connect(name: str) -> bytes:
    """Who comes, with a clean session and without keep-alive."""
    return _packet(0x10, _text(b"MQTT") + b"\x04\x02" + struct.pack("!H", 0) + _text(name.encode()))


def subscribe() -> bytes:
    """To the one topic, with quality 0."""
    return _packet(0x82, struct.pack("!H", 1) + _text(TOPIC) + b"\x00")


def publish(body: bytes) -> bytes:
    """To the one topic, with quality 0."""
    return _packet(0x30, _text(TOPIC) + body)


def _text(text: bytes) -> bytes:
    return struct.pack("!H", len(text)) + text


def _packet(kind: int, rest: bytes) -> bytes:
    length, digits = len(rest), bytearray()
    while True:
        length, digit = divmod(length, 128)
        digits.append(digit | 0x80 if length else digit)
        if not length:
            return bytes([kind, *digits]) + rest
