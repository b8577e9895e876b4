"""Every second of a month, kept and asked for: vAIn beside a wide table in SQLite and in DuckDB."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple
from urllib.parse import urlencode

import numpy as np
from duckdb import __version__ as duckdb_version

from benchmarks import history_data, history_writes, load, processes
from benchmarks.history_data import DAY, NOISE
from benchmarks.peers.wide_history import Answer, WideDuckDb, WideHistory, WideSqlite
from benchmarks.processes import ServerProcess
from benchmarks.report import Section, Table, Target
from benchmarks.rounds import interleaved, ratios, spread
from vain.store.metrics.retention import Keep
from vain.store.metrics.sqlite_archive import DATABASE_NAME
from vain.store.metrics.store import MetricStore

KEEP_DAYS = 60
LARGEST_BYTES = 1.5
LARGEST_GROWTH = 1.10
ONE = "cpu.percent"


class Scale(NamedTuple):
    """How much is measured; the tests take less."""

    days: int = 30
    rounds: int = 3
    seconds: float = 0.7
    """Of load, for each question and round."""
    requests: int = 10_000
    writes: history_writes.Scale = history_writes.Scale()


FULL = Scale()
METHOD = f"""Twenty series, one sample each second for 30 days, as a machine gives them (`benchmarks/history_data.py`:
CPU ticks, pages, flushes, jobs, the time of day; one of them, `{NOISE.partition(":")[0]}`, is all noise), and each
value rounded as vAIn stores it, in all three. vAIn: imported into a data folder, then `vain serve` on it; its figures
are whole HTTP requests over a kept connection, JSON included. SQLite (apsw, the same pragmas) and DuckDB
{duckdb_version} hold one wide table of the same values and give the same figures, which is checked, from a call in the
process that asks: no HTTP, no JSON. Every window ends at the newest sample. Bytes are those of the files, after a
checkpoint: all samples, roll-ups and indexes. {FULL.rounds} rounds of {FULL.seconds:g} s for each question."""


class Question(NamedTuple):
    """What is asked; ``limit_ms`` is what is aimed at, at the median."""

    label: str
    seconds: int
    points: int
    is_all: bool = False
    limit_ms: float | None = None


HOUR_RAW = Question("last hour, raw", 3_600, 3_600, limit_ms=10)
DAY_REDUCED = Question("24 h to 1,000 points", DAY, 1_000, limit_ms=10)
MONTH_REDUCED = Question("30 days to 1,000 points", 30 * DAY, 1_000, limit_ms=10)
ALL_MONTH = Question("all 20, 30 days to 1,000", 30 * DAY, 1_000, is_all=True, limit_ms=40)
QUESTIONS = (
    HOUR_RAW,
    DAY_REDUCED,
    MONTH_REDUCED,
    Question("30 days to 2,000 points", 30 * DAY, 2_000),
    Question("all 20, 24 h to 1,000", DAY, 1_000, is_all=True),
    ALL_MONTH,
)


class Kept(NamedTuple):
    """The history, three times over. ``end`` in Unix seconds."""

    folder: Path
    end: int
    names: list[str]
    peers: Mapping[str, WideHistory]
    bytes_a_sample: Mapping[str, float]
    seconds: Mapping[str, float]
    """How long it took to store."""


def measure(scale: Scale = FULL) -> Section:
    """About four minutes, and a gigabyte of disk while it lasts."""
    with TemporaryDirectory(prefix="vain-benchmark-") as folder:
        kept = _stored(Path(folder), scale.days)
        try:
            with processes.vain("--keep-raw", f"{KEEP_DAYS}d", folder=kept.folder) as server:
                memory, memory_target = _memory(server, kept, scale.requests)  # first: while it is as it started
                reading, reading_targets = _reading(server, kept, scale)
        finally:
            for peer in kept.peers.values():
                peer.close()
        writing, writing_targets, notes = history_writes.measure(scale.writes)
    size = kept.bytes_a_sample["vAIn"]
    targets = [Target("bytes a sample on disk", size, LARGEST_BYTES), *reading_targets, memory_target, *writing_targets]
    tables = [_size(kept), reading, memory, *writing]
    return Section("history", "The metric history", f"{METHOD}\n\n{history_writes.METHOD}", tables, targets, notes)


def _stored(folder: Path, days: int) -> Kept:
    end = int(time.time()) // 3_600 * 3_600
    names = history_data.names()
    data = folder / "vain"
    store = MetricStore(data, keep=Keep(raw_seconds=KEEP_DAYS * float(DAY)))
    peers: dict[str, WideHistory] = {
        "SQLite": WideSqlite(folder / "wide.sqlite", len(names)),
        "DuckDB": WideDuckDb(folder / "wide.duckdb", len(names)),
    }
    adds: dict[str, Callable[..., object]] = {"vAIn": store.import_rows, **{n: peer.add for n, peer in peers.items()}}
    seconds = dict.fromkeys(adds, 0.0)
    for t, columns in history_data.days(days, end):
        for name, add in adds.items():
            began = time.perf_counter()
            add(t, columns)
            seconds[name] += time.perf_counter() - began
    store.close()  # which takes the log into the file
    sizes = {"vAIn": (data / DATABASE_NAME).stat().st_size, **{name: peer.finish() for name, peer in peers.items()}}
    samples = days * DAY * len(names)
    return Kept(data, end, names, peers, {name: size / samples for name, size in sizes.items()}, seconds)


def _size(kept: Kept) -> Table:
    ours = kept.bytes_a_sample["vAIn"]
    rows = [
        [name, f"{size:.2f}", f"{size / ours:.2f}", f"{kept.seconds[name]:.1f}"]
        for name, size in kept.bytes_a_sample.items()
    ]
    return Table(["on disk", "bytes a sample", "ratio to vAIn", "seconds to store it"], rows)


def _reading(server: ServerProcess, kept: Kept, scale: Scale) -> tuple[Table, list[Target]]:
    rows, targets = [], []
    for question in QUESTIONS:
        path = _path(kept, question)
        answer, size = _answer(server, path)
        step_ms = round(answer["step"] * 1_000)
        calls = {name: partial(_of_peer, peer, kept, question, step_ms) for name, peer in kept.peers.items()}
        for name, call in calls.items():
            _compare(name, question, answer, call(), kept.names)
        sides: dict[str, Callable[[], float]] = {"vAIn": partial(_request_ms, server, path, scale.seconds)}
        sides |= {name: partial(_call_ms, call, scale.seconds) for name, call in calls.items()}
        measured = interleaved(scale.rounds, sides)
        ours = spread(measured["vAIn"])
        answered = [f"{answer['tier']}, {len(answer['t']):,}", f"{size / 1e3:.0f}"]
        others = [_beside(measured[name], measured["vAIn"]) for name in calls]
        rows.append([question.label, *answered, ours.text(1), *others])
        if question.limit_ms is not None:
            targets.append(Target(f"ms: {question.label}", ours.median, question.limit_ms))
    header = [f"{ONE}, or all", "tier, points", "kB of JSON", "vAIn ms", "SQLite ms, × vAIn", "DuckDB ms, × vAIn"]
    return Table(header, rows), targets


def _beside(theirs: list[float], ours: list[float]) -> str:
    return f"{spread(theirs).text(1)}, × {ratios(theirs, ours).median:.1f}"


def _path(kept: Kept, question: Question, earlier_seconds: int = 0) -> str:
    before = kept.end - earlier_seconds
    asked = {
        "after": _time(before - question.seconds),
        "before": _time(before),
        "points": question.points,
        "metrics": ",".join(kept.names if question.is_all else [ONE]),
    }
    return f"/performance/history?{urlencode(asked)}"


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _answer(server: ServerProcess, path: str) -> tuple[dict[str, Any], int]:
    with closing(HTTPConnection("127.0.0.1", server.port, timeout=60)) as connection:
        body = _asked(connection, path)
    return json.loads(body), len(body)


def _asked(connection: HTTPConnection, path: str) -> bytes:
    connection.request("GET", path)
    reply = connection.getresponse()
    body = reply.read()
    if reply.status != 200:
        raise RuntimeError(f"{path} was answered with {reply.status}: {body[:200]!r}")
    return body


def _request_ms(server: ServerProcess, path: str, seconds: float) -> float:
    measured = load.get(server, path, 1, seconds)
    if measured.errors:
        raise RuntimeError(f"{path} was answered with errors: its figures mean nothing")
    return measured.latency_ms["get"][0]


def _call_ms(call: Callable[[], object], seconds: float) -> float:
    until, taken = time.perf_counter() + seconds, []
    while not taken or time.perf_counter() < until:
        began = time.perf_counter()
        call()
        taken.append((time.perf_counter() - began) * 1_000)
    return median(taken)


def _of_peer(peer: WideHistory, kept: Kept, question: Question, step_ms: int) -> Answer:
    begin, end = (kept.end - question.seconds) * 1_000, kept.end * 1_000
    place = kept.names.index(ONE)
    if question is HOUR_RAW:
        return peer.raw(place, begin, end)
    return peer.reduced(range(len(kept.names)) if question.is_all else [place], begin, end, step_ms)


def _compare(name: str, question: Question, answer: dict[str, Any], found: Answer, names: list[str]) -> None:
    """The same questions must have the same answers, or their times say nothing."""
    columns, tolerances = [answer["t"]], [1e-6]
    for series in names if question.is_all else [ONE]:
        parts = ("mean",) if question is HOUR_RAW else ("mean", "min", "max")
        columns += [answer["series"][series][part] for part in parts]
        # Means are rounded, in the roll-ups and in the answer: of bytes to whole ones, else to two decimals and more.
        tolerances += [(1.01 if "bytes" in series else 0.011) if part == "mean" else 1e-6 for part in parts]
    ours = np.array(columns, np.float64).T
    ours = ours[~np.isnan(ours[:, 1])]
    theirs = found / [1_000.0, *[1.0] * (len(columns) - 1)]
    if theirs.shape != ours.shape or np.any(np.abs(ours - theirs) > tolerances):
        raise RuntimeError(f"{question.label}: vAIn and {name} do not give the same")


def _memory(server: ServerProcess, kept: Kept, requests: int) -> tuple[Table, Target]:
    """One in ten asks for all series; each asks for other minutes than the one before."""
    mixed = [*(HOUR_RAW, DAY_REDUCED, MONTH_REDUCED) * 3, ALL_MONTH]
    steps = [requests // 10, requests // 2, requests]
    sizes = {0: server.rss_mib()}
    with closing(HTTPConnection("127.0.0.1", server.port, timeout=60)) as connection:
        for number in range(1, requests + 1):
            _asked(connection, _path(kept, mixed[number % len(mixed)], earlier_seconds=number % 1_440 * 60))
            if number in steps:
                sizes[number] = server.rss_mib()
    rows = [["before" if not number else f"after {number:,} requests", f"{size:.1f}"] for number, size in sizes.items()]
    growth = sizes[requests] / sizes[steps[0]]
    return Table(["memory of the server", "RSS in MiB"], rows), Target(
        f"memory after {requests:,} requests, of that after {steps[0]:,}", growth, LARGEST_GROWTH
    )
