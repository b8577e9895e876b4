"""The streams of several servers over one database are one: who knows a position goes on at any of them."""

from __future__ import annotations

import pytest

from tests.several.asking import Asking
from tests.several.cluster import SERVERS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

AROUND = 30


def test_a_position_of_one_server_holds_at_the_others_as_soon_as_it_was_answered(at: Asking) -> None:
    for server in range(AROUND):
        made = at.ask(server, "POST", "/tasks", {"name": "position"})
        for other in (server + 1, server + 2):
            (told,) = at.told(other, made.position)
            assert (told["type"], (told["seq"], told["epoch"])) == ("resumed", made.position), told


def test_a_position_holds_for_server_sent_events_too(at: Asking) -> None:
    for server in range(AROUND):
        made = at.ask(server, "POST", "/tasks", {"name": "position"})
        event = at.sent_event(server + 1, made.position)
        assert event.get("event") != "snapshot", event


def test_every_server_tells_what_happened_at_the_others(at: Asking) -> None:
    since, epoch = at.ask(0, "POST", "/tasks", {"name": "told"}).position
    for server in range(SERVERS):
        at.ask(server, "POST", "/tasks", {"name": f"told by {server}"})
    told = [at.told(server, (since, epoch), events=SERVERS)[1:] for server in range(SERVERS)]
    assert [event["name"] for event in told[0]] == [f"told by {server}" for server in range(SERVERS)]
    assert [event["seq"] for event in told[0]] == [since + 1 + number for number in range(SERVERS)]
    assert told[1:] == told[:-1]


def test_a_position_that_no_server_has_come_to_is_told_so_by_all(at: Asking) -> None:
    since, epoch = at.ask(0, "POST", "/tasks", {"name": "ahead"}).position
    for server in range(SERVERS):
        (told,) = at.told(server, (since + 1_000, epoch))
        assert (told["type"], told["reset"], told["reason"]) == ("snapshot", True, "ahead")
