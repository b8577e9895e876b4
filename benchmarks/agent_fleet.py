"""A month of a thousand machines: how long one metric of all of them takes to be told."""

from __future__ import annotations

import http.client
import json
import shutil
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks import processes
from vain.store.metrics.retention import Keep
from vain.store.metrics.sqlite_archive import DATABASE_NAME
from vain.store.metrics.store import MetricStore

MONTH_SECONDS = 30 * 86_400
PERIOD_SECONDS = 60
SERIES = ("cpu.percent", "memory.percent", "disk.percent:/", "load.1m", *(f"cpu.core.percent:{n}" for n in range(16)))
METRICS = ("cpu.percent", "memory.percent", "disk.percent", "load.1m", "cpu.core.percent")
WINDOWS = {"30 d": MONTH_SECONDS, "7 d": 7 * 86_400, "24 h": 86_400}
POINTS, TOP = 180, 200


class Told(NamedTuple):
    """Seconds until the answer is there: when no history was open, for each window once they are, and when it moves."""

    first: float
    then: dict[str, list[float]]
    moved: dict[str, list[float]]


def told(hosts: int, rounds: int) -> Told:
    """Every host has the same month, as roll-ups of minutes and hours."""
    with tempfile.TemporaryDirectory(prefix="vain-benchmark-") as folder:
        month, data = _month(Path(folder) / "month"), Path(folder) / "data"
        with processes.vain("--request-rate", "0", folder=data) as server:
            _introduce(server.port, hosts)
        for number in range(hosts):
            place = data / "hosts" / _name(number)
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
            shutil.copy2(month, place / DATABASE_NAME)
        with processes.vain("--request-rate", "0", folder=data) as server:
            first = _seconds(server.port, MONTH_SECONDS)
            # Of each metric once: nothing is told from memory.
            then = {
                name: [_seconds(server.port, seconds, metric=METRICS[each]) for each in range(rounds)]
                for name, seconds in WINDOWS.items()
            }
            # As somebody looks at it who moves it, by a fifth of what is seen.
            moved = {
                name: [_seconds(server.port, seconds, seconds * (each + 1) / 5) for each in range(rounds)]
                for name, seconds in WINDOWS.items()
            }
        return Told(first, then, moved)


def _month(folder: Path) -> Path:
    end = time.time() // 3_600 * 3_600
    t = (np.arange(end - MONTH_SECONDS, end, PERIOD_SECONDS) * 1_000).astype(np.int64)
    random = np.random.default_rng(1)
    store = MetricStore(folder, PERIOD_SECONDS, Keep(raw_seconds=0.0))
    store.import_rows(t, {name: np.round(random.random(len(t)) * 100, 1) for name in SERIES})
    store.forget()
    store.close()
    return folder / DATABASE_NAME


def _introduce(port: int, hosts: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    for number in range(hosts):
        report = {"agent": f"{number + 1:032x}", "version": "0.1.0", "period_seconds": 1.0, "sent_at": time.time()}
        path = f"/hosts/{_name(number)}/samples"
        connection.request("POST", path, json.dumps(report), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise RuntimeError(f"a host was refused ({answer.status}): the figures mean nothing")
    connection.close()


def _seconds(port: int, window: float, back: float = 0.0, metric: str = METRICS[0]) -> float:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    began = time.monotonic()
    times = f"after={-window - back:.0f}&before={-back:.0f}" if back else f"after={-window:.0f}"
    connection.request("GET", f"/performance/hosts?metric={metric}&{times}&points={POINTS}&top={TOP}")
    found = json.loads(connection.getresponse().read())
    took = time.monotonic() - began
    connection.close()
    known = [row for row in found["hosts"] if row["mean"] is not None]
    if not back and len(known) != min(TOP, found["count"] - 1):
        raise RuntimeError(f"{len(known)} hosts were told of: the figures mean nothing")
    return took


def _name(number: int) -> str:
    return f"node-{number:04}"
