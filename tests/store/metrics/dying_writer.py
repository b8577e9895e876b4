"""A process that writes samples and seals hours until it is killed; for ``test_kill.py``.

    python -m tests.store.metrics.dying_writer

For each line ``FIRST_SECOND FOLDER`` on its input it forks a writer and prints ``pid N``. The writer gives one sample
for each second from ``FIRST_SECOND`` on, thousands of them each second of real time, so that an hour is over several
times in a round; a thread of it reads all the while. It prints ``fed SECOND MONOTONIC`` after what was given, ``read``
after each look of the reader, ``wrong …`` if that saw what cannot be, and ``over STATUS`` once the writer is gone. A
fork, because a round is shorter than Python takes to start.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path
from typing import TypeVar

import numpy as np

from tests.store.metrics.filled import T0
from vain.bands import Bands, MetricQuery, MetricWindow
from vain.store.metrics.retention import Keep
from vain.store.metrics.store import MetricStore

NAMES = ("cpu.percent", "memory.percent", "load.1m", "disk.percent:/", "swap.percent", "pressure.io_percent")
COMMIT_SECONDS = 0.1
"""A twentieth of what a server has, as a round is a twentieth of a minute."""
ROWS_A_BURST, BURST_SECONDS = 60, 0.005
REST_SECONDS = 0.01
SWITCH_SECONDS = 0.0005
LAST_ROWS = 5_000

Second = TypeVar("Second", int, np.ndarray)


def expected(place: int, second: Second) -> Second:
    """The value of a series (its place in ``NAMES``) at each second: no two neighbouring samples are alike."""
    return (second * (7 + 2 * place) % 1_000) / 10


def flaws(window: MetricWindow, is_gapless: bool = False) -> list[str]:
    """What is wrong with a window, of which the test knows every value."""
    found = []
    if not np.all(np.diff(window.t) > 0):
        found.append("times are out of order, or there twice")
    for name, bands in window.series.items():
        known = bands.count > 0
        begin = window.t[known] - T0
        if window.tier == "raw" and not np.array_equal(bands.mean[known], expected(NAMES.index(name), begin)):
            found.append(f"{name} has a value that was never given")
        if window.tier == "1m":
            found.extend(_minute_flaws(name, begin, bands.each(lambda column, known=known: column[known])))
        if is_gapless and not known.all():
            found.append(f"{name} has a hole: {np.flatnonzero(~known)[:5].tolist()} of {len(known)}")
    return found


def _minute_flaws(name: str, begin: np.ndarray, minutes: Bands) -> list[str]:
    whole = minutes.count == 60
    values = expected(NAMES.index(name), begin[whole, None] + np.arange(60))
    exact = np.array_equal(values.min(1), minutes.min[whole]) and np.array_equal(values.max(1), minutes.max[whole])
    distance = np.abs(values.mean(1) - minutes.mean[whole]).max(initial=0)
    if minutes.count.max(initial=0) > 60 or not exact or distance > 0.006:
        return [f"{name} has a minute that is not made of its samples"]
    return []


def say(line: str) -> None:
    """In one piece, at once: what was said before the end is there after it."""
    os.write(1, f"{line}\n".encode())


def write(folder: Path, first: int) -> None:
    """Until it is killed."""
    # Feeding is a loop that never rests, as no server has one; the writing thread has to get its turn beside it.
    sys.setswitchinterval(SWITCH_SECONDS)
    threading.excepthook = lambda failed: say(f"wrong {failed.exc_value!r}")
    store = MetricStore(folder, keep=Keep(None, None, None), most_pending=100_000, commit_seconds=COMMIT_SECONDS)
    fed = [first]
    threading.Thread(target=read, args=(store, first, fed), daemon=True).start()
    second, due = first, time.monotonic()
    while True:
        for _ in range(ROWS_A_BURST):
            store.append(
                T0 + second, [(name, float(second * (7 + 2 * at) % 1_000) / 10) for at, name in enumerate(NAMES)]
            )
            second += 1
        fed[0] = second - 1
        say(f"fed {second - 1} {time.monotonic()}")
        due = max(due + BURST_SECONDS, time.monotonic())
        time.sleep(max(0.0, due - time.monotonic()))


def read(store: MetricStore, first: int, fed: list[int]) -> None:
    """Whatever this run was given is there, be it waiting, written or sealed, from the first sample to the newest."""
    while True:
        newest = fed[0]
        after = max(first, newest - LAST_ROWS)
        if newest > first:
            window = store.window(MetricQuery(T0 + after, T0 + newest + 1, NAMES))
            problems = flaws(window, is_gapless=True)
            if len(window.t) != newest + 1 - after:
                problems.append(f"{len(window.t)} samples of {newest + 1 - after}")
            minutes = store.window(MetricQuery(T0 + after, T0 + newest, NAMES, step_seconds=60.0))
            for problem in problems + flaws(minutes):
                say(f"wrong {problem}")
            say("read")
        time.sleep(REST_SECONDS)


def main() -> None:
    """Fork a writer for each line."""
    for line in sys.stdin:
        first, folder = line.rstrip("\n").split(maxsplit=1)
        child = os.fork()
        if child == 0:
            write(Path(folder), int(first))
        say(f"pid {child}")
        say(f"over {os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}")


if __name__ == "__main__":
    main()
