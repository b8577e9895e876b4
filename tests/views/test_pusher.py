"""One subscription wakes all sessions, once a sample."""

from __future__ import annotations

import asyncio

import pytest

from tests.views import moving
from vain.views import pusher
from vain.views.pusher import Pusher


class Listener:
    def __init__(self, source: moving.MovingSource) -> None:
        self.source = source
        self.woken = 0

    def wake(self) -> None:
        self.woken += 1


@pytest.fixture
def source() -> moving.MovingSource:
    return moving.MovingSource(rows=3)


def test_many_listeners_share_one_subscription(source: moving.MovingSource) -> None:
    listeners = [Listener(source) for _ in range(5)]
    for listener in listeners:
        pusher.join(listener)
    assert len(source.subscribers) == 1
    for listener in listeners:
        pusher.leave(listener)
    assert source.subscribers == []


def test_each_sample_wakes_once(source: moving.MovingSource) -> None:
    listener, central = Listener(source), Pusher(source)
    central.add(listener)
    for second in range(3):
        source.advance(1_800_000_001 + second)
    assert listener.woken == 3


def test_events_between_samples_wait_for_the_next(source: moving.MovingSource) -> None:
    async def main() -> int:
        listener, central = Listener(source), Pusher(source, clock=lambda: 100.0)
        central.add(listener)
        source.advance(1_800_000_001)
        for _ in range(50):
            source.tell()
        source.advance(1_800_000_002)
        central.remove(listener)
        return listener.woken

    assert asyncio.run(main()) == 2


def test_an_event_waits_only_for_others_to_travel_with_it(
    source: moving.MovingSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pusher, "EVENT_PAUSE_SECONDS", 0.02)

    async def main() -> int:
        listener, central = Listener(source), Pusher(source)
        central.add(listener)
        source.advance(1_800_000_001)
        source.tell()
        await asyncio.sleep(0.1)
        central.remove(listener)
        return listener.woken

    assert asyncio.run(main()) == 2


def test_nobody_is_woken_after_leaving(source: moving.MovingSource) -> None:
    listener = Listener(source)
    pusher.join(listener)
    pusher.leave(listener)
    pusher.leave(listener)
    source.advance(1_800_000_001)
    assert listener.woken == 0
