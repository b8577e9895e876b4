"""What is told of all hosts out of memory is what would be read, however somebody moves through time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from vain.fleet.overview import grid_of, history_of
from vain.fleet.tables import MOST_TABLES, SETTLED_FRESH_SECONDS, HostTables
from vain.hosts import HostsHistory, HostsQuery

DAY = 86_400.0
NOW = 1_800_000_000.0
HOSTS = ("a", "b", "c")


class House:
    """Histories whose values are a function of host and time; ``read`` are the moments that were read."""

    def __init__(self, hosts: Sequence[str] = HOSTS) -> None:
        self.hosts, self.now, self.changes = hosts, NOW, 0.0
        self.read: list[tuple[float, float]] = []
        self.tables = HostTables(lambda: self.now - NOW, lambda: self.now)

    def value(self, host: str, t: float, step: float) -> float:
        """Nothing is known of what has not come yet."""
        return float("nan") if t > self.now else (t / step * (1 + HOSTS.index(host)) + self.changes) % 100

    def rows(self, t: np.ndarray, step: float) -> dict[str, np.ndarray]:
        return {host: np.array([self.value(host, each, step) for each in t.tolist()]) for host in self.hosts}

    def told(self, query: HostsQuery) -> HostsHistory:
        """As the fleet asks."""
        self.look(query)
        return self.tables.answer(query, self.hosts)

    def look_around(self, query: HostsQuery) -> None:
        """As the fleet reads ahead."""
        for beside in self.tables.around(query):
            self.look(beside)

    def look(self, query: HostsQuery) -> None:
        wanted = self.tables.wanted(query, self.hosts)
        if wanted is not None:
            step = grid_of(query)[1]
            t = np.arange(round(wanted.after / step), round(wanted.before / step)) * step
            self.read.append((wanted.after, wanted.before))
            self.tables.take(query.metric, t, step, self.rows(t, step), self.now - NOW)

    def truth(self, query: HostsQuery) -> HostsHistory:
        t, step = grid_of(query)
        return history_of(query, t, step, self.rows(t, step))


def month(back_days: float = 0.0, metric: str = "cpu.percent", days: float = 30.0) -> HostsQuery:
    end = NOW - back_days * DAY
    return HostsQuery(end - days * DAY, end, metric, 180, 20)


def test_who_moves_by_a_little_is_answered_out_of_memory() -> None:
    house = House()
    assert house.told(month()) == house.truth(month())
    house.look_around(month())
    assert len(house.read) == 2 and max(end for _, end in house.read) <= NOW + DAY / 4, "not of times to come"
    for back in (3, 12, 25, 29):
        assert house.told(month(back)) == house.truth(month(back))
    assert len(house.read) == 2
    assert house.told(month(40)) == house.truth(month(40))
    assert house.read[2][1] <= house.read[1][0], "what is there is not read again"
    house.look_around(month(40))
    assert len(house.read) == 4 and house.read[3][1] <= house.read[2][0], "behind it all is there"


def test_the_newest_is_read_again_soon_and_the_rest_is_not() -> None:
    house = House()
    house.told(month())
    house.now += 59
    house.told(month())
    assert len(house.read) == 1
    house.now += 2
    assert house.told(month()) == house.truth(month())
    begin, end = house.read[1]
    assert end - begin <= 3 * DAY / 4 and end >= NOW, "the last columns alone"
    house.now += SETTLED_FRESH_SECONDS
    house.told(month())
    assert house.read[2][1] - house.read[2][0] >= 30 * DAY


def test_what_came_late_is_read_again() -> None:
    house = House()
    house.told(month())
    house.changes = 1.0
    house.tables.forget(NOW - 10 * DAY)
    told, truth = house.told(month()), house.truth(month())
    assert told.step == DAY / 4
    assert told.p50[-40:] == truth.p50[-40:] and told.p50[:70] != truth.p50[:70]
    begin, _ = house.read[1]
    assert NOW - 10.3 * DAY < begin <= NOW - 10 * DAY


def test_another_host_another_metric_and_another_step_are_read() -> None:
    house = House(HOSTS[:2])
    house.told(month())
    house.hosts = HOSTS
    assert house.told(month()) == house.truth(month())
    assert house.told(month(days=1.0)) == house.truth(month(days=1.0))
    for number in range(MOST_TABLES):
        house.told(month(metric=f"m{number}"))
    assert len(house.read) == 3 + MOST_TABLES
    house.told(month())
    assert len(house.read) == 4 + MOST_TABLES, "the oldest of many tables was forgotten"


MOVES = st.lists(
    st.tuples(st.floats(0, 200), st.sampled_from([0.2, 1.0, 7.0, 30.0]), st.floats(0, 900), st.booleans()), max_size=12
)


@settings(deadline=None)
@given(MOVES)
def test_however_somebody_moves_it_is_what_would_be_read(moves: list[tuple[float, float, float, bool]]) -> None:
    house = House()
    for back, days, passed, is_late in moves:
        house.now += passed
        if is_late:
            house.tables.forget(0.0)
        asked = month(back, days=days)
        if passed < 300:
            house.look_around(asked)
        told, truth = house.told(asked), house.truth(asked)
        settled = [place for place, t in enumerate(truth.t) if t + truth.step < house.now - passed - 120]
        assert told.t == truth.t
        assert [told.max[place] for place in settled] == [truth.max[place] for place in settled]
