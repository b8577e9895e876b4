"""The ring of frames, and how it is followed."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from vain.hub import CHUNK_BYTES, Behind, Hub, Position, text_frame
from vain.types import Event


def event(seq: int, body: bytes = b"{}") -> Event:
    return Event(seq, "taskUpdate", body)


def payloads(frames: list[bytes]) -> list[bytes]:
    """The texts in frames of less than 126 bytes."""
    return [frame[2:] for frame in frames]


def test_a_frame_is_that_of_the_rfc() -> None:
    """RFC 6455, section 5.7: a single-frame unmasked text message that contains "Hello"."""
    assert text_frame(b"Hello") == bytes([0x81, 0x05, 0x48, 0x65, 0x6C, 0x6C, 0x6F])


@pytest.mark.parametrize("length", [0, 1, 125, 126, 127, 255, 256, 65_535, 65_536, 70_000])
def test_a_frame_of_any_length_is_that_of_another_library(length: int) -> None:
    payload = b"x" * length
    assert text_frame(payload) == Frame(Opcode.TEXT, payload).serialize(mask=False)


def test_a_reader_gets_what_comes_after_it_joined() -> None:
    hub = Hub("e", 3)
    hub.publish([event(4, b"4")])
    position = hub.now()
    hub.publish([event(5, b"5"), event(6, b"6")])
    frames, after = hub.read(position)
    assert payloads(frames) == [b"5", b"6"] and after == hub.now() and hub.read(after) == ([], after)


@pytest.mark.parametrize("seq", [1, 3, 5, 6])
def test_a_hole_in_the_numbers_is_never_hidden(seq: int) -> None:
    hub = Hub("e", 3)
    if seq != 4:
        with pytest.raises(ValueError, match=f"event {seq} came after 3"):
            hub.publish([event(seq)])
    assert hub.seq == 3


def test_who_fell_out_of_the_ring_is_told() -> None:
    hub = Hub("e", 0, frames=3)
    start = hub.now()
    hub.publish(event(seq) for seq in range(1, 4))
    assert len(hub.read(start)[0]) == 3
    hub.publish([event(4)])
    with pytest.raises(Behind):
        hub.read(start)
    assert len(hub.read(Position(1))[0]) == 3


def test_who_comes_from_before_the_start_is_behind() -> None:
    hub = Hub("e", 10)
    with pytest.raises(Behind):
        hub.read(Position(9))


def test_a_reader_is_given_one_chunk_at_a_time() -> None:
    hub = Hub("e", 0)
    position = hub.now()
    hub.publish(event(seq, b"x" * 10_000) for seq in range(1, 51))
    sizes, numbers = [], []
    while hub.has_news(position):
        frames, position = hub.read(position)
        sizes.append(sum(map(len, frames)))
        numbers.append(position.seq)
    assert numbers[-1] == 50 and all(CHUNK_BYTES <= size < CHUNK_BYTES + 10_010 for size in sizes[:-1])


def test_a_frame_larger_than_a_chunk_goes_alone() -> None:
    hub = Hub("e", 0)
    position = hub.now()
    hub.publish([event(1, b"x" * 3 * CHUNK_BYTES), event(2, b"2")])
    frames, position = hub.read(position)
    assert len(frames) == 1 and position.seq == 1 and payloads(hub.read(position)[0]) == [b"2"]


def test_a_frame_larger_than_the_ring_leaves_it_empty_and_the_numbers_right() -> None:
    hub = Hub("e", 0, size_bytes=1_000)
    start = hub.now()
    hub.publish([event(1, b"x" * 2_000)])
    with pytest.raises(Behind):
        hub.read(start)
    hub.publish([event(2, b"2")])
    assert payloads(hub.read(Position(1))[0]) == [b"2"]


def test_of_newest_wins_only_the_newest_is_sent() -> None:
    hub = Hub("e", 0)
    hub.replace("performanceUpdate", b"old")
    position = hub.now()
    assert not hub.has_news(position)
    for body in (b"1", b"2", b"3"):
        hub.replace("performanceUpdate", body)
    hub.replace("visualizationUpdate:cpu", b"first")
    frames, position = hub.read(position)
    assert payloads(frames) == [b"3", b"first"] and not hub.has_news(position)
    assert hub.read(position)[0] == [] and payloads(hub.read(Position(0))[0]) == [b"3", b"first"]


def test_events_come_before_newest_wins() -> None:
    hub = Hub("e", 0)
    position = hub.now()
    hub.replace("performanceUpdate", b"p")
    hub.publish([event(1, b"1")])
    assert payloads(hub.read(position)[0]) == [b"1", b"p"]


def test_listeners_hear_of_both_kinds_until_they_leave() -> None:
    hub = Hub("e", 0)
    heard: list[int] = []
    leave = hub.listen(lambda: heard.append(hub.seq))
    hub.publish([event(1), event(2)])
    hub.replace("performanceUpdate", b"")
    leave()
    leave()
    hub.publish([event(3)])
    assert heard == [2, 2]


def test_a_listener_that_fails_stops_neither_the_others_nor_the_publication() -> None:
    hub = Hub("e", 0)
    heard: list[int] = []

    def fail() -> None:
        raise RuntimeError("a view is broken")

    for number in range(8):
        hub.listen(fail if number % 2 else lambda: heard.append(1))
    # Each lambda is its own listener, so four hear.
    hub.publish([event(1)])
    assert hub.seq == 1 and sum(heard) == 4


def test_a_listener_may_leave_while_it_is_told() -> None:
    hub = Hub("e", 0)
    heard: list[int] = []
    leave = hub.listen(lambda: (heard.append(1), leave()))  # type: ignore[arg-type,return-value]
    hub.publish([event(1)])
    hub.publish([event(2)])
    assert heard == [1]


def test_memory_is_bounded_in_frames_and_in_bytes() -> None:
    hub = Hub("e", 0, frames=100, size_bytes=50_000)
    for seq in range(1, 3_000):
        hub.publish([event(seq, b"x" * random.Random(seq).randrange(1, 2_000))])
        hub.replace("performanceUpdate", b"y" * 1_000)
    held = [entry.frame for entry in hub._entries]
    assert len(held) <= 100 and sum(map(len, held)) == hub._bytes <= 50_000
    assert len(hub.read(Position(hub.seq - len(held)))[0]) > 0


@given(st.lists(st.integers(1, 3) | st.just("read"), max_size=60), st.integers(1, 12))
def test_any_reader_gets_every_event_once_or_is_told_that_it_is_behind(steps: list[int | str], frames: int) -> None:
    hub = Hub("e", 0, frames=frames)
    position, got = hub.now(), []
    for step in [*steps, "read"]:
        if isinstance(step, int):
            first = hub.seq + 1
            hub.publish(event(seq, str(seq).encode()) for seq in range(first, first + step))
            continue
        try:
            read, position = hub.read(position)
            got += [int(text) for text in payloads(read)]
        except Behind:
            assert hub.seq - position.seq > frames
            got += range(position.seq + 1, hub.seq + 1)
            position = hub.now()
    assert got == list(range(1, hub.seq + 1))
