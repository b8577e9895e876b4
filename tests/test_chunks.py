"""Columns survive packing bit by bit, take little room, and tell when they are damaged."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from vain.bands import Bands
from vain.chunks import pack, pack_bands, pack_integers, unpack, unpack_bands, unpack_integers, unpack_means
from vain.errors import StoreDamaged

RANDOM = np.random.default_rng(7)
HEAD = struct.Struct("<BBIII")
finite = st.floats(allow_infinity=False, allow_nan=True, width=64)


@given(arrays.arrays(np.float64, st.integers(0, 200), elements=finite))
def test_every_column_comes_back_as_it_was(values: np.ndarray) -> None:
    assert np.array_equal(unpack(pack(values)), values, equal_nan=True)


@given(arrays.arrays(np.int64, st.integers(0, 200)))
def test_integers_come_back_as_they_were(values: np.ndarray) -> None:
    assert np.array_equal(unpack_integers(pack_integers(values)), values)


@given(st.lists(st.integers(0, 60), min_size=1, max_size=200))
def test_roll_ups_come_back_as_they_were(counts: list[int]) -> None:
    count = np.array(counts, np.int64)
    mean = np.where(count > 0, RANDOM.normal(size=len(count)), np.nan)
    before = Bands(mean, mean - 1, mean + 1, count)
    after = unpack_bands(pack_bands(before))
    for name in ("mean", "min", "max", "count"):
        assert np.array_equal(getattr(after, name), getattr(before, name), equal_nan=True)


def test_a_percentage_takes_about_a_byte_and_a_constant_nothing() -> None:
    walk = np.round(50 + np.cumsum(RANDOM.normal(0, 0.5, 3_600)), 1)
    assert len(pack(walk)) < 3_600 * 0.9
    assert len(pack(np.zeros(3_600))) < 60 and len(pack(np.full(3_600, np.nan))) < 60


def test_a_damaged_chunk_is_told_by_its_checksum() -> None:
    packed = bytearray(pack(np.arange(100.0)))
    packed[-3] ^= 1
    with pytest.raises(StoreDamaged, match="checksum"):
        unpack(bytes(packed))
    with pytest.raises(StoreDamaged):
        unpack(bytes(packed[:5]))


def test_damage_that_has_the_right_checksum_is_no_crash() -> None:
    packed = pack(np.round(RANDOM.normal(50, 5, 500), 1))
    for _ in range(100):
        body = bytearray(packed[HEAD.size :])
        body[RANDOM.integers(len(body))] ^= 1 << RANDOM.integers(8)
        codec, decimals, count, size, _ = HEAD.unpack_from(packed)
        try:
            values = unpack(HEAD.pack(codec, decimals, count, size, zlib.crc32(bytes(body))) + bytes(body))
        except StoreDamaged:
            continue
        assert len(values) == 500


def test_a_codec_of_a_newer_version_is_not_guessed() -> None:
    packed = pack(np.arange(10.0))
    with pytest.raises(StoreDamaged, match="newer vAIn"):
        unpack(b"\x09" + packed[1:])


def test_means_alone_are_those_of_the_bands() -> None:
    count = np.array([0, 3, 0, 1], np.int64)
    mean = np.array([np.nan, 1.5, np.nan, 2.0])
    packed = pack_bands(Bands(mean, mean, mean, count))
    means, counts = unpack_means(packed)
    assert means.tolist() == [1.5, 2.0] and counts.tolist() == count.tolist()
