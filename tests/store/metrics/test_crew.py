"""The threads that write histories: a few for all of them, no history by two at once, commits before long work."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from math import inf
from pathlib import Path

import pytest

from tests.store.metrics.filled import T0
from vain.bands import MetricQuery
from vain.errors import Unavailable
from vain.store.metrics.archive import Ready
from vain.store.metrics.crew import Crew
from vain.store.metrics.retention import Keep
from vain.store.metrics.store import MetricStore

ROWS = Ready(1, [(0, 1, b"")], [], [])


class Place:
    """Where several can be committed in one: notes who was, and says of each what it is told to."""

    def __init__(self, *says: bool | None, error: Exception | None = None) -> None:
        self.says, self.error = says, error
        self.groups: list[int] = []

    def append(self, ready: Sequence[Ready]) -> Sequence[bool | None]:
        self.groups.append(len(ready))
        if self.error is not None:
            raise self.error
        return self.says or [True] * len(ready)


class History:
    """One whose commits and pieces of work are noted, and take as long as they are told to."""

    def __init__(self, crew: Crew, together: Place | None = None, seconds: float = 0.0) -> None:
        self._crew, self.together, self._seconds = crew, together, seconds
        self._commit_at = self._work_at = inf
        self.said: list[str] = []
        self.settled = threading.Event()
        self._inside = threading.Lock()

    def want(self, commit_in: float | None = None, works: bool = False, awaited: bool = False) -> None:
        if commit_in is not None:
            self._commit_at = time.monotonic() + commit_in
        if works:
            self._work_at = -inf if awaited else 0.0
        self._crew.heed(self)

    def commit_at(self) -> float:
        return self._commit_at

    def work_at(self) -> float:
        return self._work_at

    def commit(self) -> None:
        with self._alone():
            self._commit_at = inf
            self._say("commit")

    def work(self) -> bool:
        with self._alone():
            self._work_at = inf
            self._say("work")
        return True

    def ready(self) -> Ready | None:
        return ROWS

    def committed(self) -> None:
        self._commit_at = inf
        self._say("committed")

    def postpone(self, error: Exception | None = None) -> None:
        self._commit_at = time.monotonic() + 0.05
        self._say("postponed" if error is None else "failed")

    @contextmanager
    def _alone(self) -> Iterator[None]:
        assert self._inside.acquire(blocking=False), "two threads served it at once"
        try:
            time.sleep(self._seconds)
            yield
        finally:
            self._inside.release()

    def _say(self, what: str) -> None:
        self.said.append(what)
        self.settled.set()


@pytest.fixture
def crew() -> Iterator[Crew]:
    made = Crew(1, 1)
    yield made
    made.close()


def test_commits_that_are_due_at_one_place_are_one(crew: Crew) -> None:
    place = Place()
    histories = [History(crew, place) for _ in range(20)]
    for each in histories:
        each.want(commit_in=0.1)
    assert all(each.settled.wait(5) for each in histories)
    assert place.groups == [20] and {word for each in histories for word in each.said} == {"committed"}


def test_one_that_has_another_book_is_committed_by_itself(crew: Crew) -> None:
    place = Place(True, False)
    one, other = History(crew, place), History(crew, place)
    one.want(commit_in=0.1)
    other.want(commit_in=0.1)
    assert one.settled.wait(5) and other.settled.wait(5)
    assert sorted(one.said + other.said) == ["commit", "committed"]


def test_one_to_which_another_server_writes_is_tried_again(crew: Crew) -> None:
    place = Place(None, True)
    histories = [History(crew, place), History(crew, place)]
    for each in histories:
        each.want(commit_in=0.1)
    deadline = time.monotonic() + 5
    while [each for each in histories if each.commit_at() < inf] and time.monotonic() < deadline:
        time.sleep(0.01)
    assert sorted(word for each in histories for word in each.said) == ["commit", "committed", "postponed"]


def test_when_the_database_is_away_all_of_them_wait(crew: Crew) -> None:
    place = Place(error=Unavailable("away"))
    histories = [History(crew, place) for _ in range(3)]
    for each in histories:
        each.want(commit_in=0.1)
    assert all(each.settled.wait(5) for each in histories)
    assert {each.said[0] for each in histories} == {"failed"}
    place.error = None


def test_a_row_that_cannot_be_written_keeps_no_other_from_it(crew: Crew) -> None:
    place = Place(error=ValueError("a name that no text has"))
    histories = [History(crew, place) for _ in range(3)]
    for each in histories:
        each.want(commit_in=0.1)
    assert all(each.settled.wait(5) for each in histories)
    assert [each.said for each in histories] == [["commit"]] * 3


def test_long_work_of_one_holds_up_no_commit_of_another(crew: Crew) -> None:
    slow, quick = History(crew, seconds=0.6), History(crew)
    slow.want(works=True)
    time.sleep(0.05)
    quick.want(commit_in=0.0)
    assert quick.settled.wait(0.4) and not slow.settled.is_set()
    assert slow.settled.wait(5)


def test_between_hours_that_are_sealed_others_get_their_turn() -> None:
    with closing(Crew(1, 1, rest=3.0)) as crew:
        histories = [History(crew, seconds=0.1) for _ in range(2)]
        for each in histories:
            each.want(works=True)
        began = time.monotonic()
        assert all(each.settled.wait(5) for each in histories)
        assert time.monotonic() - began > 0.4
        urgent = History(crew)
        urgent.want(commit_in=0.0)
        assert urgent.settled.wait(0.2)


def test_what_somebody_waits_for_does_not_wait_for_a_rest() -> None:
    with closing(Crew(1, 1, rest=100.0)) as crew:
        one, other, awaited = (History(crew, seconds=0.02) for _ in range(3))
        one.want(works=True)
        assert one.settled.wait(5)
        other.want(works=True)
        awaited.want(works=True, awaited=True)
        assert awaited.settled.wait(0.5) and not other.settled.is_set()
        crew.hasten()
        assert not other.settled.wait(1.5)


def test_who_closes_it_does_not_wait_for_its_rest() -> None:
    crew = Crew(1, 1, rest=100.0)
    history = History(crew, seconds=0.05)
    history.want(works=True)
    assert history.settled.wait(5)
    began = time.monotonic()
    crew.close()
    assert time.monotonic() - began < 0.5


def test_no_history_is_served_by_two_at_once(crew: Crew) -> None:
    history = History(crew, seconds=0.02)
    for _ in range(10):
        history.want(commit_in=0.0, works=True)
        time.sleep(0.005)
    deadline = time.monotonic() + 5
    while (history.commit_at() < inf or history.work_at() < inf) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert {"commit", "work"} <= set(history.said) and history.commit_at() == history.work_at() == inf


def test_what_is_due_sooner_is_not_slept_over(crew: Crew) -> None:
    late, soon = History(crew), History(crew)
    late.want(commit_in=60.0)
    time.sleep(0.05)
    soon.want(commit_in=0.0)
    assert soon.settled.wait(1) and not late.settled.is_set()


def test_a_hundred_histories_have_the_threads_of_one(tmp_path: Path) -> None:
    before = threading.active_count()
    with closing(Crew(1, 1)) as crew:
        keep = Keep(None, None, None)
        stores = [
            MetricStore(tmp_path / str(n), keep=keep, commit_seconds=0.05, now=lambda: float(T0), crew=crew)
            for n in range(100)
        ]
        for store in stores:
            store.append(T0, [("cpu.percent", 1.0)])
        assert threading.active_count() <= before + 2
        for store in stores:
            store.close()
    for number in (0, 99):
        with closing(MetricStore(tmp_path / str(number), keep=keep, now=lambda: float(T0))) as store:
            assert store.window(MetricQuery(T0 - 1, T0 + 1, None, None)).series["cpu.percent"].mean.tolist() == [1.0]


def test_a_server_that_may_not_write_spins_no_thread(tmp_path: Path) -> None:
    """An hour that is to be sealed by another server stays due here."""
    with closing(MetricStore(tmp_path, now=lambda: float(T0), commit_seconds=0.01)) as store:
        store.append(T0, [("cpu.percent", 1.0)])
    may = threading.Event()
    with closing(Crew()) as crew:
        store = MetricStore(tmp_path, now=lambda: float(T0), commit_seconds=0.01, writes=may.is_set, crew=crew)
        may.set()
        store.append(T0 + 3_600, [("cpu.percent", 1.0)])
        may.clear()
        time.sleep(0.1)
        began, used = time.monotonic(), time.process_time()
        time.sleep(0.5)
        assert time.process_time() - used < (time.monotonic() - began) / 2
        store.close()
