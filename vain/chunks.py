"""Columns of numbers as compressed bytes, and back, without loss: the one owner of pcodec.

A packed column begins with its codec, so that a later vAIn can write another one and still read these. Values that are
whole, or have no more than a few decimals, are packed as integers: Pco (Loncaric et al., arXiv 2502.06112) then needs
about one byte for a percentage. Unknown values are not packed; where they stand is said apart. A checksum tells damage.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable

import numpy as np
from pcodec import ChunkConfig, standalone

from vain.bands import Bands, Floats, Integers
from vain.errors import StoreDamaged

FLOATS, INTEGERS = 1, 2
"""Codecs: Pco over doubles; Pco over 64-bit integers that are the values times ten to the power of ``decimals``."""
MOST_DECIMALS = 4
LEVEL = 8
"""Of Pco's 0 to 12: a hundredth smaller than 4 for twice the time, which is 0.2 ms for an hour."""
EXACT = 2.0**53

NOTHING = Bands(np.empty(0), np.empty(0), np.empty(0), np.empty(0, np.int64))
"""Roll-ups of no slots."""

_HEAD = struct.Struct("<BBIII")
"""Codec, decimals, number of values, size of what says which are known (0: all are), checksum of what follows."""
_PARTS = struct.Struct("<III")
_CONFIG = ChunkConfig(compression_level=LEVEL)


def pack(values: Floats) -> bytes:
    """A column of doubles; NaN is unknown."""
    known = ~np.isnan(values)
    if known.all():
        return _packed(values, len(values), b"")
    return _packed(values[known], len(values), zlib.compress(np.packbits(known).tobytes()))


def pack_integers(values: Integers) -> bytes:
    """A column of 64-bit integers."""
    return _framed(INTEGERS, 0, len(values), b"", _compressed(values))


def unpack(packed: bytes) -> Floats:
    """What ``pack`` was given. Raises StoreDamaged."""
    codec, decimals, count, validity, body = _opened(packed)
    try:
        values = _decompressed(body)
        if codec == INTEGERS:
            values = values / 10.0**decimals
        if not validity:
            column = values.astype(np.float64, copy=False)
        else:
            known = np.unpackbits(np.frombuffer(zlib.decompress(validity), np.uint8), count=count).astype(bool)
            column = np.full(count, np.nan)
            column[known] = values
    except (RuntimeError, TypeError, ValueError, zlib.error) as error:
        raise StoreDamaged(f"A chunk of the history is damaged: {error}.") from error
    if len(column) != count:
        raise StoreDamaged("A chunk of the history is damaged: values are missing.")
    return column


def unpack_integers(packed: bytes) -> Integers:
    """What ``pack_integers`` was given. Raises StoreDamaged."""
    _, _, count, _, body = _opened(packed)
    try:
        values = _decompressed(body).astype(np.int64, copy=False)
    except (RuntimeError, TypeError, ValueError) as error:
        raise StoreDamaged(f"A chunk of the history is damaged: {error}.") from error
    if len(values) != count:
        raise StoreDamaged("A chunk of the history is damaged: values are missing.")
    return values


def pack_bands(bands: Bands) -> bytes:
    """Roll-ups, one for each slot of time; slots without samples take no room."""
    filled = bands.count > 0
    parts = [pack_integers(bands.count), *(pack(part[filled]) for part in (bands.mean, bands.min, bands.max))]
    return _PARTS.pack(*map(len, parts[:-1])) + b"".join(parts)


def unpack_means(packed: bytes) -> tuple[Floats, Integers]:
    """Of what ``pack_bands`` was given the means of those slots that have one, and the counts of all. In half of the
    time. Raises StoreDamaged."""
    counts, means, *_ = _parts(packed)
    count, mean = unpack_integers(bytes(counts)), unpack(bytes(means))
    if len(mean) != np.count_nonzero(count > 0):
        raise StoreDamaged("A chunk of the history is damaged: means are missing.")
    return mean, count


def unpack_bands(packed: bytes) -> Bands:
    """What ``pack_bands`` was given. Raises StoreDamaged."""
    counts, *values = _parts(packed)
    count = unpack_integers(bytes(counts))
    filled = count > 0
    mean, low, high = (_spread(unpack(bytes(part)), filled) for part in values)
    return Bands(mean, low, high, count)


def _spread(values: Floats, filled: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Floats:
    if filled.all():
        return values
    column = np.full(len(filled), np.nan)
    try:
        column[filled] = values
    except ValueError as error:
        raise StoreDamaged(f"A chunk of the history is damaged: {error}.") from error
    return column


def _parts(packed: bytes) -> list[memoryview]:
    try:
        lengths = _PARTS.unpack_from(packed)
    except struct.error as error:
        raise StoreDamaged(f"A chunk of the history is damaged: {error}.") from error
    return _cut(memoryview(packed)[_PARTS.size :], lengths)


def _cut(packed: memoryview, lengths: Iterable[int]) -> list[memoryview]:
    parts, at = [], 0
    for length in lengths:
        parts.append(packed[at : at + length])
        at += length
    return [*parts, packed[at:]]


def _packed(known: Floats, count: int, validity: bytes) -> bytes:
    largest = float(np.abs(known).max(initial=0.0))
    for decimals in range(MOST_DECIMALS + 1):
        if largest * 10.0**decimals >= EXACT:
            break
        scaled = np.rint(known * 10.0**decimals)
        if np.array_equal(scaled / 10.0**decimals, known):
            return _framed(INTEGERS, decimals, count, validity, _compressed(scaled.astype(np.int64)))
    return _framed(FLOATS, 0, count, validity, _compressed(known))


def _framed(codec: int, decimals: int, count: int, validity: bytes, body: bytes) -> bytes:
    body = validity + body
    return _HEAD.pack(codec, decimals, count, len(validity), zlib.crc32(body)) + body


def _opened(packed: bytes) -> tuple[int, int, int, bytes, bytes]:
    try:
        codec, decimals, count, size, checksum = _HEAD.unpack_from(packed)
    except struct.error as error:
        raise StoreDamaged(f"A chunk of the history is damaged: {error}.") from error
    body = packed[_HEAD.size :]
    if codec not in (FLOATS, INTEGERS):
        raise StoreDamaged(f"A chunk of the history was written by a newer vAIn (codec {codec}).")
    if zlib.crc32(body) != checksum:
        raise StoreDamaged("A chunk of the history is damaged: its checksum is wrong.")
    return codec, decimals, count, body[:size], body[size:]


def _compressed(values: Floats | Integers) -> bytes:
    return bytes(standalone.simple_compress(values, _CONFIG)) if len(values) else b""


def _decompressed(body: bytes) -> Floats | Integers:
    return standalone.simple_decompress(body) if body else np.empty(0)
