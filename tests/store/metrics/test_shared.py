"""The history in PostgreSQL, as several servers read and write it."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import asyncpg
import numpy as np
import pytest

from tests.store.engines import url_of
from tests.store.metrics.filled import DAY, HOUR, T0
from tests.store.postgres_server import PostgresServer
from vain.bands import MetricQuery, MetricWindow
from vain.busiest import Process
from vain.errors import Conflict, StoreFull, Unavailable
from vain.fleet.overview import grid_of, rows_of, rows_of_all
from vain.hosts import HostsQuery
from vain.past import Past
from vain.quality import Span
from vain.store.checking import check
from vain.store.metrics import queries, writer
from vain.store.metrics.check import problems_of
from vain.store.metrics.copying import copy_histories
from vain.store.metrics.crew import Crew
from vain.store.metrics.retention import Keep
from vain.store.metrics.sqlite_archive import FolderArchives
from vain.store.metrics.store import MetricStore
from vain.store.postgres.archives import MOST_READERS, MOST_WRITERS, PostgresArchives
from vain.store.postgres.checking import check_histories
from vain.store.postgres.engine import PostgresEngine
from vain.store.postgres.metric_words import WORDS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

OF_A_FILE_ALONE = {queries.SET_HOST}
CONNECTIONS = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'vain history%'"
END_WRITERS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'vain history writer'"

TRANSACTIONS = "SELECT count(DISTINCT xmin::text) FROM metric_hot WHERE t = $1"
END_ALL = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'vain history%'"


@pytest.fixture
def url(postgres: PostgresServer, tmp_path: Path) -> str:
    """A schema of this test's own, with tables."""
    made = url_of(postgres.url, tmp_path)
    PostgresEngine(made, tmp_path / "data").close()
    return made


class Servers:
    """As many as are asked for, each with connections of its own."""

    def __init__(self, url: str, ends: ExitStack) -> None:
        self._url, self._ends = url, ends

    def archives(self) -> PostgresArchives:
        made = PostgresArchives(self._url)
        self._ends.callback(made.close)
        return made

    def history(
        self, host: str = "gpu-1", archives: PostgresArchives | None = None, writes: Callable[[], bool] = lambda: True
    ) -> MetricStore:
        archive = (archives or self.archives()).other(host)
        keep = Keep(None, None, None)
        store = MetricStore(
            archive, keep=keep, most_pending=10_000, commit_seconds=0.05, now=lambda: float(T0), writes=writes
        )
        self._ends.callback(store.close)
        return store

    @contextmanager
    def together(self, count: int) -> Iterator[list[MetricStore]]:
        """Histories whose rows are committed with each other's."""
        archives, keep = self.archives(), Keep(None, None, None)
        with ExitStack() as ends:
            crew = Crew(1, 1)
            ends.callback(crew.close)
            stores = []
            for number in range(count):
                archive = archives.other(f"gpu-{number}")
                stores.append(MetricStore(archive, keep=keep, commit_seconds=0.3, now=lambda: float(T0), crew=crew))
                ends.callback(stores[-1].close)
            yield stores


def committed(stores: Sequence[MetricStore]) -> None:
    """Wait until nothing of them waits."""
    deadline = time.monotonic() + 10
    while any(store.pending for store in stores) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(store.pending for store in stores)


@pytest.fixture
def servers(url: str) -> Iterator[Servers]:
    with ExitStack() as ends:
        yield Servers(url, ends)


def beside(url: str, work: Callable[[asyncpg.Connection], Awaitable[object]]) -> object:
    """Ask the database beside vAIn."""

    async def main() -> object:
        connection = await asyncpg.connect(url)
        try:
            return await work(connection)
        finally:
            await connection.close()

    return asyncio.run(main())


def feed(store: MetricStore, seconds: range, name: str = "cpu.percent") -> None:
    for second in seconds:
        store.append(T0 + second, [(name, float(second % 100))])
    store.flush()


def window(store: MetricStore, begin: int, end: int, points: int | None = 10_000) -> MetricWindow:
    return store.window(MetricQuery(T0 + begin, T0 + end, None, points))


def seconds_of(store: MetricStore, begin: int, end: int) -> list[int]:
    """The seconds that are there, each with the right value."""
    seen = window(store, begin, end)
    if not seen.series:
        return []
    bands = seen.series["cpu.percent"]
    seconds = np.rint(seen.t[bands.count > 0] - T0).astype(int)
    assert bands.mean[bands.count > 0].tolist() == (seconds % 100).tolist()
    return [int(second) for second in seconds]


def test_every_statement_has_words_that_postgresql_knows(url: str) -> None:
    known = {text for name, text in vars(queries).items() if name.isupper() and isinstance(text, str)}
    assert set(WORDS) == known - OF_A_FILE_ALONE

    async def prepared(connection: asyncpg.Connection) -> None:
        for text in WORDS.values():
            await connection.prepare(text)

    beside(url, prepared)


def test_two_servers_read_the_same_history(servers: Servers) -> None:
    written, reader = servers.history(), servers.history()
    assert reader.names() == [] and reader.extent() is None
    feed(written, range(100))
    assert seconds_of(reader, 0, 100) == list(range(100)) and reader.names() == ["cpu.percent"]
    feed(written, range(HOUR, HOUR + 10), "load.1m")
    seen = window(reader, 0, HOUR + 10)
    assert set(seen.series) == {"cpu.percent", "load.1m"}
    assert reader.extent() == written.extent() == (T0, T0 + HOUR + 9)
    assert [thread.name for thread in threading.enumerate()].count("vain-metrics") == 1, "who reads has no thread"


def test_hosts_do_not_see_each_other(servers: Servers) -> None:
    archives = servers.archives()
    stores = [servers.history(f"gpu-{number}", archives) for number in range(20)]
    for number, store in enumerate(stores):
        store.append(T0 + number, [("cpu.percent", float(number)), (f"custom.{number}", 1.0)])
    for number, store in enumerate(stores):
        store.flush()
        assert store.names() == ["cpu.percent", f"custom.{number}"] and seconds_of(store, 0, 100) == [number]


def test_many_hosts_share_a_few_connections(url: str, servers: Servers) -> None:
    archives = servers.archives()
    stores = [servers.history(f"gpu-{number}", archives) for number in range(50)]
    threads = [threading.Thread(target=feed, args=(store, range(20))) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(seconds_of(store, 0, 20) == list(range(20)) for store in stores)
    assert beside(url, lambda connection: connection.fetchval(CONNECTIONS)) <= MOST_READERS + MOST_WRITERS


def test_what_is_sent_again_to_another_server_is_there_once(servers: Servers) -> None:
    first, second = servers.history(), servers.history()
    feed(first, range(HOUR - 100, HOUR))
    feed(second, range(HOUR - 50, HOUR + 10))  # the agent begins again with what it had no receipt for
    feed(first, range(HOUR - 20, HOUR))  # what waited at the first one comes late
    feed(second, range(2 * HOUR, 2 * HOUR + 5))
    expected = [*range(HOUR - 100, HOUR + 10), *range(2 * HOUR, 2 * HOUR + 5)]
    for store in (first, second):
        assert seconds_of(store, 0, 3 * HOUR) == expected
        counts = window(store, 0, 3 * HOUR, 3).series["cpu.percent"].count
        assert counts.tolist() == [100, 10, 5]
        assert store._read(lambda seen: problems_of(seen.connection)) == []


def test_series_that_two_servers_find_at_once_have_one_number(servers: Servers) -> None:
    stores = [servers.history() for _ in range(4)]
    begin = threading.Barrier(len(stores))

    def write(place: int, store: MetricStore) -> None:
        for each in range(30):
            values = [("cpu.percent", float((each * 4 + place) % 100))]
            values += [(f"custom.{each}", float(place)), (f"own.{place}:{each}", 1.0)]
            store.append(T0 + each * 4 + place, values)
            begin.wait()
            store.flush()

    threads = [threading.Thread(target=write, args=each) for each in enumerate(stores)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(stores[0].names()) == len(set(stores[0].names())) == 1 + 30 + 4 * 30
    seen = window(stores[3], 0, 120, None)
    assert seen.series["cpu.percent"].mean.tolist() == [float(second % 100) for second in range(120)]
    for each in range(30):
        assert seen.series[f"custom.{each}"].mean[each * 4 : each * 4 + 4].tolist() == [0, 1, 2, 3]


def test_an_hour_that_two_servers_seal_at_once_is_sealed_once(servers: Servers) -> None:
    stores = [servers.history() for _ in range(3)]
    begin = threading.Barrier(len(stores))
    for hour in range(5):
        feed(stores[hour % 3], range(hour * HOUR, hour * HOUR + 200))

        def seal(place: int, store: MetricStore, hour: int = hour) -> None:
            store.append(T0 + (hour + 1) * HOUR - 3 + place, [("cpu.percent", float((HOUR - 3 + place) % 100))])
            store.append(T0 + (hour + 1) * HOUR, [("cpu.percent", 0.0)])
            begin.wait()
            store.flush()

        threads = [threading.Thread(target=seal, args=each) for each in enumerate(stores)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    seen = window(stores[0], 0, 5 * HOUR)
    t = np.rint(seen.t[seen.series["cpu.percent"].count > 0] - T0).astype(int).tolist()
    expected = {hour * HOUR + at for hour in range(5) for at in (*range(200), HOUR - 3, HOUR - 2, HOUR - 1)}
    assert t == sorted(expected)
    counts = window(stores[1], 0, 5 * HOUR, 5).series["cpu.percent"].count.tolist()
    assert counts == [203] * 5 and stores[2]._read(lambda seen: problems_of(seen.connection)) == []


def test_a_backend_that_is_killed_takes_nothing_that_was_acknowledged(
    url: str, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "RETRY_SECONDS", 0.02)
    store, other = servers.history(), servers.history()
    ended, kills, choice = threading.Event(), [0], random.Random(7)

    async def kill(connection: asyncpg.Connection) -> None:
        while not ended.is_set():
            await asyncio.sleep(choice.uniform(0.01, 0.05))
            kills[0] += len(await connection.fetch(END_WRITERS))

    killer = threading.Thread(target=beside, args=(url, kill))
    killer.start()
    try:
        for fed, second in enumerate(range(0, 3 * HOUR, 5), start=1):  # hours are sealed meanwhile
            store.append(T0 + second, [("cpu.percent", float(second % 100))])
            if fed % 40 == 0:
                store.hurry()
                time.sleep(0.1)
                safe = fed - store.pending  # what an agent may forget now
                seen = 0
                while not seen:
                    with suppress(Unavailable):
                        seen = len(seconds_of(other, 0, 3 * HOUR))
                assert seen >= safe
    finally:
        ended.set()
        killer.join()
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with suppress(Unavailable, StoreFull):
            store.flush()
            break
    assert kills[0] > 20 and store.dropped == 0
    assert seconds_of(other, 0, 3 * HOUR) == list(range(0, 3 * HOUR, 5))
    assert window(other, 0, 3 * HOUR, 3).series["cpu.percent"].count.tolist() == [720] * 3
    assert other._read(lambda seen: problems_of(seen.connection)) == []


def test_only_who_has_the_duty_writes(servers: Servers) -> None:
    duty = ["first"]
    first, second = (servers.history(writes=lambda name=name: duty[0] == name) for name in ("first", "second"))
    feed(first, range(10))
    feed(second, range(100, 110))
    assert seconds_of(second, 0, 200) == list(range(10)) and second.pending == 0 and second.dropped == 0
    first.append(T0 + 10, [("cpu.percent", 10.0)])
    duty[0] = "second"
    first.flush()
    feed(second, range(110, 120))
    assert seconds_of(first, 0, 200) == [*range(10), *range(110, 120)], "what waited at the first one is dropped"
    duty[0] = "first"
    feed(first, range(HOUR, HOUR + 5))
    assert window(second, 0, HOUR, 1).series["cpu.percent"].count.tolist() == [20]


def test_a_host_that_is_forgotten_comes_again_with_what_is_new(servers: Servers) -> None:
    first, archives = servers.history(), servers.archives()
    second = servers.history(archives=archives)
    feed(first, range(10), "cpu.percent")
    feed(first, range(10, 20), "old.series")
    assert len(second.names()) == 2
    archives.forget("gpu-1")
    assert second.names() == [] and second.extent() is None
    feed(first, range(30, 40))
    assert second.names() == first.names() == ["cpu.percent"]
    assert seconds_of(second, 0, DAY) == list(range(30, 40))


def test_a_server_that_comes_back_after_the_database_was_away_goes_on(url: str, servers: Servers) -> None:
    store = servers.history()
    feed(store, range(10))
    beside(
        url, lambda connection: connection.fetch(END_WRITERS.replace("= 'vain history writer'", "LIKE 'vain hist%'"))
    )
    store.append(T0 + 10, [("cpu.percent", 10.0)])
    deadline = time.monotonic() + 10
    while store.pending and time.monotonic() < deadline:
        time.sleep(0.02)
    assert seconds_of(store, 0, 20) == list(range(11))


def test_histories_are_copied_there_and_back_and_are_whole(url: str, servers: Servers, tmp_path: Path) -> None:
    folder, back = FolderArchives(tmp_path / "from", "box"), FolderArchives(tmp_path / "to", "box")
    for name in ("box", "gpu-1"):
        keep = Keep(None, None, None)
        archive = folder.own(name) if name == "box" else folder.other(name)
        store = MetricStore(archive, keep=keep, now=lambda: float(T0))
        for second in (*range(300), *range(HOUR, HOUR + 100)):
            busy = [Process(7, "python3", 3, 12.5, 4_096, 1.0)] if second % 5 == 0 else None
            used = {3: {"task.cpu_percent": float(second)}}
            store.append(T0 + second, [("cpu.percent", float(second % 100))], tasks=used, processes=busy)
        store.note([Span("stopped", T0 + 300.0, T0 + HOUR)])
        store.flush()
        store.close()
    archives = servers.archives()
    told: dict[str, int] = {}
    copy_histories(folder, archives, "box", told.__setitem__)
    assert set(told) == {"box", "gpu-1"} and archives.names() == ["box", "gpu-1"]
    with pytest.raises(Conflict, match="box"):
        copy_histories(folder, archives, "box")
    copy_histories(archives, back, "box")
    report = check_histories(url)
    assert report.problems == () and report.contents == "2 hosts"
    assert [found.problems for found in check(tmp_path / "to")] == [(), ()]
    for name in ("box", "gpu-1"):
        places = [each.own(name) if name == "box" else each.other(name) for each in (folder, archives, back)]
        stores = [MetricStore(place) for place in places]
        seen = [window(store, 0, 2 * HOUR) for store in stores]
        looks = [store.looks(T0, T0 + 2 * HOUR)[0] for store in stores]
        tasks = [store.use_of([3], T0, T0 + 2 * HOUR)[0][3] for store in stores]
        for store in stores:
            store.close()
        first = seen[0].series["cpu.percent"].mean.tolist()
        for each in seen[1:]:
            assert each.spans == seen[0].spans and each.t.tolist() == seen[0].t.tolist()
            np.testing.assert_array_equal(each.series["cpu.percent"].mean, first)
        assert len({(len(found.t), len(found.cpu)) for found in looks}) == 1 and len(looks[0].t) == 80
        assert len({tuple(used.t.tolist()) for used in tasks}) == 1 and len(tasks[0].t) == 400


def test_a_damaged_chunk_is_told_with_its_host(url: str, servers: Servers) -> None:
    store = servers.history()
    feed(store, range(100))
    feed(store, range(HOUR, HOUR + 5))
    beside(url, lambda connection: connection.execute("UPDATE metric_raw SET v = substr(v, 1, 20)"))
    (problem,) = check_histories(url).problems
    assert problem.startswith("gpu-1: Chunk 1/")


@pytest.mark.parametrize(("after", "step"), [(0, 3_600.0), (0, 600.0), (2 * DAY - HOUR, 30.0), (2 * DAY - HOUR, 600.0)])
def test_one_metric_of_all_hosts_is_what_each_history_says(servers: Servers, after: int, step: float) -> None:
    archives = servers.archives()
    begin, end, random = 2 * DAY, 2 * DAY + 600, np.random.default_rng(5)
    pasts: dict[str, Past | None] = {}
    for number in range(3):
        store = servers.history(f"gpu-{number}", archives)
        names = ("cpu.percent", "disk.percent:/", "disk.percent:/home")[: 3 - number]
        seconds = np.arange(number * HOUR, begin)
        t = (T0 + seconds) * 1_000
        store.import_rows(t, {name: np.round(random.random(len(t)) * 100, 1) for name in names})
        for second in range(begin, end):
            store.append(T0 + second, [(name, float((second // 60 + number) % 100)) for name in names])
        store.flush()
        pasts[f"gpu-{number}"] = Past(store)
    for metric in ("cpu.percent", "disk.percent"):
        query = HostsQuery(T0 + after, T0 + end, metric, int((end - after) / step) + 1, 3)
        t, found_step = grid_of(query)
        assert found_step == step
        expected = rows_of(query, t, step, pasts)
        found = rows_of_all(query, t, step, archives, list(pasts))
        assert found is not None and found.keys() == expected.keys() and len(found) == 3
        for host, values in expected.items():
            np.testing.assert_array_equal(np.isnan(found[host]), np.isnan(values))
            np.testing.assert_allclose(found[host], values, atol=0.11)
    for past in pasts.values():
        assert past is not None
        past.close()


def test_hosts_that_share_threads_share_transactions(servers: Servers, url: str) -> None:
    """What a thousand hosts write in a moment is one transaction, and nothing of it is another than by itself."""
    with servers.together(30) as stores:
        for second in range(2):
            for number, store in enumerate(stores):
                store.append(T0 + second, [("cpu.percent", float(number))])
            if second == 0:  # series get their numbers one host after the other
                for store in stores:
                    store.flush()
        committed(stores)
        transactions = beside(url, lambda connection: connection.fetchval(TRANSACTIONS, T0 * 1_000 + 1_000))
    assert transactions == 1
    for number in (0, 29):
        found = window(servers.history(f"gpu-{number}"), 0, 10, None)
        assert found.series["cpu.percent"].mean.tolist() == [number, number]


def test_a_host_that_another_server_has_changed_is_written_with_its_new_book(servers: Servers) -> None:
    with servers.together(3) as stores:
        for store in stores:
            feed(store, range(1))
        other = servers.history("gpu-1")
        other.append(T0 + 50, [("load.1m", 1.0)])  # a series, and with it another layout
        other.flush()
        for store in stores:
            store.append(T0 + 1, [("cpu.percent", 1.0)])
        committed(stores)
    assert [seconds_of(servers.history(f"gpu-{n}"), 0, 10) for n in range(3)] == [[0, 1]] * 3


def test_a_host_to_which_another_server_writes_at_that_moment_holds_up_nobody(servers: Servers, url: str) -> None:
    with servers.together(3) as stores:
        for store in stores:
            feed(store, range(1))
        with servers.archives().other("gpu-1").changing():
            for store in stores:
                store.append(T0 + 1, [("cpu.percent", 1.0)])
            committed([stores[0], stores[2]])
            assert [store.pending for store in stores] == [0, 1, 0]
        committed(stores)
    assert seconds_of(servers.history("gpu-1"), 0, 10) == [0, 1]
