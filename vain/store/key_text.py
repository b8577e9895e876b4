"""How a key looks: ``vain_<id>_<secret><check>``, 63 characters, so that scanners of leaked secrets find it.

``id`` is 8 characters of no secrecy, ``secret`` 256 random bits as 43 digits of base 62, ``check`` the CRC-32 of all
that stands before it as 6 digits, by which a scanner tells a key from what only looks like one.
"""

from __future__ import annotations

import hashlib
import secrets
import string
import zlib

PREFIX = "vain_"
ID_LENGTH = 8
_ID_LETTERS = string.ascii_lowercase + string.digits
_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_SECRET_BYTES, _SECRET_DIGITS, _CHECK_DIGITS = 32, 43, 6


def new_key() -> tuple[str, str]:
    """The id of a new key, and the key itself."""
    key_id = "".join(secrets.choice(_ID_LETTERS) for _ in range(ID_LENGTH))
    number = int.from_bytes(secrets.token_bytes(_SECRET_BYTES), "big")
    unchecked = f"{PREFIX}{key_id}_{_base62(number, _SECRET_DIGITS)}"
    return key_id, unchecked + _base62(zlib.crc32(unchecked.encode()), _CHECK_DIGITS)


def id_in(text: str) -> str:
    """The id of the key that ``text`` is or begins with; an id alone is itself."""
    start = len(PREFIX) if text.startswith(PREFIX) else 0
    return text[start : start + ID_LENGTH]


def digest(secret: str) -> bytes:
    """What is stored in place of a secret. Plain SHA-256: nobody can try 2 to the power of 256 values, fast or slow."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()


def _base62(number: int, digits: int) -> str:
    text = ""
    for _ in range(digits):
        number, digit = divmod(number, 62)
        text = _DIGITS[digit] + text
    return text
