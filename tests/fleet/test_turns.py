"""Of a thousand hosts each is told of in its turn, and what is new before all others."""

from __future__ import annotations

from collections import Counter

from vain.fleet.turns import Turns

HOSTS = [f"node-{number:03}" for number in range(95)]


def test_few_are_all_told_each_time() -> None:
    turns = Turns(100)
    assert turns.next(HOSTS) == turns.next(HOSTS) == HOSTS


def test_of_many_each_comes_once_in_a_round() -> None:
    turns = Turns(10)
    told = Counter(host for _ in range(10) for host in turns.next(HOSTS))
    assert set(told) == set(HOSTS) and max(told.values()) <= 2 and sum(told.values()) == 100


def test_news_do_not_wait_for_their_turn() -> None:
    turns = Turns(10)
    for _ in range(12):
        turns.next(HOSTS)
    turns.hurry("node-042")
    assert "node-042" in turns.next(HOSTS) and "node-new" in turns.next([*HOSTS, "node-new"])


def test_one_that_reports_elsewhere_and_comes_back_is_news() -> None:
    turns = Turns(10)
    for _ in range(3):
        turns.next(HOSTS)
    turns.next(HOSTS[1:])
    assert HOSTS[0] in turns.next(HOSTS)
