"""What a tick costs that is stored, and how late ticks and requests get while an hour is sealed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np

from benchmarks import history_data
from benchmarks.peers.wide_history import WideSqlite
from benchmarks.report import Table, Target
from benchmarks.rounds import interleaved, percentile, ratios, spread
from vain.bands import MetricQuery
from vain.clock import unix, utc
from vain.history import History
from vain.recorder import Recorder
from vain.sampler.clocks import Clocks
from vain.samples import Cpu, Disk, DiskDevice, DiskIo, Memory, Network, NetworkInterface, Own, Pressure, Sample, Sensor
from vain.samples import series as series_of
from vain.store.metrics.retention import Keep
from vain.store.metrics.store import COMMIT_SECONDS, MetricStore
from vain.types import TaskCounts

SERIES = 60
LARGEST_CPU_MS = 1.0
LARGEST_DELAY_MS = 50.0
PAUSE_SECONDS = 0.02
"""Between two ticks that are measured: so caches are as cold as with other work in between."""
TICK_SECONDS, REQUEST_SECONDS = 0.002, 0.005
QUIET_SECONDS = 0.2
EVERYTHING = Keep(None, None, None)
T0 = 1_790_006_400
HOUR = 3_600
METHOD = f"""Writing: {SERIES} series. CPU time of the whole process for one tick: into the last hour in memory, into
the list of the writing thread, and that thread's commit of two at a time, synced, as every {COMMIT_SECONDS:g} s; beside
it a row of {SERIES} columns in SQLite, two to a synced commit. Sealing: a clock that is simulated makes hours pass.
Meanwhile a sample is given every {TICK_SECONDS * 1000:g} ms, and ten minutes of one series are read every
{REQUEST_SECONDS * 1000:g} ms: how late a sample is done, and how long a read takes, before and during the seal."""


class Scale(NamedTuple):
    """How much is measured."""

    rounds: int = 3
    ticks: int = 120
    seals: int = 20


def measure(scale: Scale) -> tuple[list[Table], list[Target], str]:
    """Tables, targets and a note; about half a minute."""
    ticks, tick_target = _ticks(scale)
    seals = _seals(scale.seals)
    table, seal_targets = _lateness(seals)
    unsealed, sealed = (percentile([seal.hour_ms[at] for seal in seals], 50) for at in (0, 1))
    notes = (
        f"An hour of one series, raw, by a call without HTTP: {unsealed:.1f} ms before it is sealed, from its rows; "
        f"{sealed:.1f} ms after, from its chunk."
    )
    return [ticks, table], [tick_target, *seal_targets], notes


# --- a tick ------------------------------------------------------------------------------------------------------


def _ticks(scale: Scale) -> tuple[Table, Target]:
    samples = _samples(scale.ticks)
    measured = interleaved(
        scale.rounds, {"vAIn": partial(_vain_ms, samples), "SQLite, a wide row": partial(_sqlite_ms, samples)}
    )
    rows = [
        [name, spread(milliseconds).text(), ratios(milliseconds, measured["vAIn"]).text()]
        for name, milliseconds in measured.items()
    ]
    target = Target(f"ms of CPU for a tick of {SERIES} series", spread(measured["vAIn"]).median, LARGEST_CPU_MS)
    return Table([f"one tick of {SERIES} series", "CPU ms", "ratio to vAIn"], rows), target


def _vain_ms(samples: list[Sample]) -> float:
    seconds = count(1.0)
    with TemporaryDirectory(prefix="vain-benchmark-") as folder:
        now = [0.0]
        clocks = Clocks(lambda: T0 + now[0], lambda: now[0], lambda: now[0])
        store = MetricStore(Path(folder), keep=EVERYTHING, commit_seconds=HOUR)
        recorder = Recorder(store, History(), 1.0, clocks)

        def take(number: int, sample: Sample) -> None:
            now[0] = next(seconds)
            recorder.take(sample)
            if number % 2:
                store.flush()

        taken = _cpu_ms(samples, take)
        recorder.close()
    return taken


def _sqlite_ms(samples: list[Sample]) -> float:
    with TemporaryDirectory(prefix="vain-benchmark-") as folder:
        table = WideSqlite(Path(folder) / "wide.sqlite", SERIES)
        waiting: list[tuple[float | None, ...]] = []

        def take(number: int, sample: Sample) -> None:
            row = round(unix(sample.timestamp) * 1_000), *(value for _, value in series_of(sample))
            waiting.append(row)
            if number % 2:
                table.add_rows(waiting)
                waiting.clear()

        taken = _cpu_ms(samples, take)
        table.close()
    return taken


def _cpu_ms(samples: list[Sample], take: Callable[[int, Sample], None]) -> float:
    """CPU time of a tick, in all threads of this process; the first two, which make the series, are left out."""
    used = 0.0
    for number, sample in enumerate(samples):
        time.sleep(PAUSE_SECONDS)
        began = time.process_time()
        take(number, sample)
        if number >= 2:
            used += time.process_time() - began
    return used / (len(samples) - 2) * 1_000


def _samples(number: int) -> list[Sample]:
    random = np.random.default_rng(5)
    samples = [_sample(second, random) for second in range(number)]
    if len(series_of(samples[0])) != SERIES:
        raise RuntimeError(f"a sample has {len(series_of(samples[0]))} series")
    return samples


def _sample(second: int, random: np.random.Generator) -> Sample:
    percents = [float(value) for value in random.uniform(0, 100, 30)]
    rates = [float(value) for value in np.exp(random.normal(9, 2, 20))]
    disks = [Disk(mount, "/dev/sda1", "ext4", 500 << 30, (200 << 30) + second, 300 << 30, 40.0) for mount in "/abc"]
    devices = [DiskDevice(name, rates[at], rates[at + 1]) for at, name in enumerate(("sda", "sdb", "sdc"))]
    interfaces = [NetworkInterface(name, rates[at], rates[at + 4]) for at, name in enumerate(("eth0", "eth1"))]
    return Sample(
        cpu_usage=percents[0],
        memory_usage=percents[1],
        disk_usage=40.0,
        uptime=1e5,
        timestamp=utc(T0 + 1 + second),
        host="here",
        period_seconds=1.0,
        cpu=Cpu(*percents[:5], percents[5:17], 12, 6, *percents[17:20]),
        memory=Memory(16 << 30, (8 << 30) + second, (8 << 30) - second, percents[1], 1 << 30, 1 << 20, 0.1),
        disks=disks,
        disk_io=DiskIo(*rates[8:12], devices),
        network=Network(rates[12], rates[13], 0.0, interfaces),
        pressure=Pressure(*percents[20:25]),
        sensors=[Sensor("cpu", 50.0)],
        tasks=TaskCounts(),
        own=Own(percents[26] / 100, 60 << 20),
    )


# --- sealing -----------------------------------------------------------------------------------------------------


class _Stretch(NamedTuple):
    """Something that took from ``began`` to ``ended`` (monotonic); it should have been done at ``began``."""

    began: float
    ended: float

    @property
    def milliseconds(self) -> float:
        return (self.ended - self.began) * 1_000


class _Repeated:
    """Calls something over and over in a thread of its own, and notes how long after its time each call was done."""

    def __init__(self, work: Callable[[], object], period_seconds: float) -> None:
        self.stretches: list[_Stretch] = []
        self._work, self._period_seconds = work, period_seconds
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> None:
        """End it."""
        self._ended.set()
        self._thread.join()

    def within(self, begin: float, end: float) -> list[float]:
        """How long those took, in milliseconds, that were under way between two moments."""
        return [each.milliseconds for each in self.stretches if each.ended >= begin and each.began <= end]

    def _run(self) -> None:
        due = time.perf_counter()
        while not self._ended.wait(max(0.0, due - time.perf_counter())):
            self._work()
            now = time.perf_counter()
            self.stretches.append(_Stretch(due, now))
            due = max(due + self._period_seconds, now)


class _Seal(NamedTuple):
    """One hour. Milliseconds; of ticks and requests each that was under way."""

    took: float
    ticks_before: list[float]
    ticks: list[float]
    requests_before: list[float]
    requests: list[float]
    hour_ms: tuple[float, float]
    """To read the hour before and after."""


def _seals(number: int) -> list[_Seal]:
    with TemporaryDirectory(prefix="vain-benchmark-") as folder:
        store = MetricStore(Path(folder), keep=EVERYTHING, most_pending=2 * HOUR, commit_seconds=HOUR)
        hour = _hour()
        seals = [_sealed(store, hour, T0 + at * HOUR) for at in range(number)]
        store.close()
    return seals


def _lateness(seals: list[_Seal]) -> tuple[Table, list[Target]]:
    rows, targets = [], []
    for label, before, during in (
        ("a sample", [s.ticks_before for s in seals], [s.ticks for s in seals]),
        ("a read of ten minutes", [s.requests_before for s in seals], [s.requests for s in seals]),
    ):
        usual = percentile([ms for each in before for ms in each], 50)
        longest = [max(each) for each in during]
        extra = max(longest) - usual
        rows.append([label, f"{usual:.2f}", f"{max(map(max, before)):.1f}", spread(longest).text(1), f"{extra:.1f}"])
        targets.append(Target(f"ms that {label} is late at most while an hour is sealed", extra, LARGEST_DELAY_MS))
    took = spread([seal.took for seal in seals]).text(0)
    header = [f"{len(seals)} seals, {took} ms each", "usual ms", "max before", "longest during a seal", "max delay"]
    return Table(header, rows), targets


def _hour() -> list[list[tuple[str, float]]]:
    """A row of 60 series for each second: three times the twenty, from three hours of a day."""
    _, columns = next(history_data.days(1, T0))
    names = [f"{name}{'' if ':' in name else ':'}{part}" for part in range(3) for name in columns]
    values = [column[begin : begin + HOUR] for begin in (0, 9 * HOUR, 15 * HOUR) for column in columns.values()]
    return [list(zip(names, row, strict=True)) for row in np.array(values).T.tolist()]


def _sealed(store: MetricStore, hour: list[list[tuple[str, float]]], begin: int) -> _Seal:
    """Fill an hour, begin the next one, and have the first one sealed while ticks and requests go on."""
    have = store.extent()
    first = 0 if have is None else max(0, round(have[1]) + 1 - begin)
    for second in range(first, HOUR):
        store.append(begin + second, hour[second])
    store.flush()
    seconds = count(HOUR)
    one = (hour[0][0][0],)
    ten_minutes = MetricQuery(begin + HOUR - 600, begin + HOUR, one, 600)
    read_hour = partial(_milliseconds, partial(store.window, MetricQuery(begin, begin + HOUR, one, HOUR)))
    unsealed_ms = read_hour()

    def tick() -> None:
        second = next(seconds)
        store.append(begin + second, hour[second - HOUR])

    requests = _Repeated(partial(store.window, ten_minutes), REQUEST_SECONDS)
    time.sleep(QUIET_SECONDS)
    ticks = _Repeated(tick, TICK_SECONDS)
    time.sleep(QUIET_SECONDS)
    began = time.perf_counter()
    store.flush()
    ended = time.perf_counter()
    ticks.stop()
    requests.stop()
    quiet = began - QUIET_SECONDS, began - 0.01
    return _Seal(
        (ended - began) * 1_000,
        ticks.within(*quiet),
        ticks.within(began, ended),
        requests.within(*quiet),
        requests.within(began, ended),
        (unsealed_ms, read_hour()),
    )


def _milliseconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1_000
