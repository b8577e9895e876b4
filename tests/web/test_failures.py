"""The budget of wrong keys."""

from __future__ import annotations

import pytest

from vain.errors import TooManyRequests
from vain.web.failures import MOST_IN_ALL, MOST_PER_PEER, Failures, network


class Hands:
    """A monotonic clock that stands until it is moved."""

    seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Hands:
    return Hands()


def test_the_time_to_wait_is_told(clock: Hands) -> None:
    failures = Failures(clock)
    for _ in range(10):
        failures.add("10.0.0.1")
        clock.seconds += 1
    with pytest.raises(TooManyRequests) as caught:
        failures.check("10.0.0.1")
    assert caught.value.retry_after_seconds == 50


def test_many_peers_share_one_budget_and_little_memory(clock: Hands) -> None:
    failures = Failures(clock)
    for number in range(MOST_IN_ALL):
        failures.check(f"10.0.{number // 250}.{number % 250}")
        failures.add(f"10.0.{number // 250}.{number % 250}")
    with pytest.raises(TooManyRequests):
        failures.check("10.9.9.9")
    clock.seconds += 61
    failures.check("10.9.9.9")
    assert not failures._all and not failures._by_peer


def test_who_is_not_kept_out_by_others_costs_little_memory_too(clock: Hands) -> None:
    failures = Failures(clock)
    for number in range(2 * MOST_IN_ALL):
        failures.add(f"10.0.{number // 250}.{number % 250}")
    failures.check("10.9.9.9", of_all=False)
    assert len(failures._all) == len(failures._by_peer) == MOST_IN_ALL
    for _ in range(MOST_PER_PEER):
        failures.add("10.9.9.9")
    with pytest.raises(TooManyRequests):
        failures.check("10.9.9.9", of_all=False)


def test_a_peer_is_its_network_on_ipv6() -> None:
    assert network("2001:db8::1") == network("2001:db8::ffff:2") != network("2001:db8:0:1::1")
    assert network("::ffff:10.0.0.1") == network("10.0.0.1") != network("10.0.0.2")
    assert network("fe80::1%eth0") == network("fe80::2%eth0")
    assert len(network("x" * 1000)) == 64
