"""One job that reports, in a process of its own, timed where it happens; prints one JSON object.

    python -m benchmarks.reporting_job update attribute|tqdm|vain|vain-message [--url U --spool F] [--count N]
    python -m benchmarks.reporting_job track plain|tqdm|vain …      seconds for one call, or one iteration
    python -m benchmarks.reporting_job work off|vain …              seconds for ``--count`` steps of a job
    python -m benchmarks.reporting_job command true|python|vain …   seconds, CPU seconds and peak MiB of a command

Little is imported at the top: what starts a command lends it its own peak of memory.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable

MESSAGES = ("loss 0.31", "loss 0.30")
STEP_NUMBERS = 4_000
"""Numbers that are squared in one step of ``work``: about a quarter of a millisecond."""
LINES_EVERY = 10
MEBIBYTE_KIB = 1 << 10
COMMANDS = {
    "true": ["true"],
    "python": [sys.executable, "-c", "pass"],
    "vain": [sys.executable, "-m", "vain", "run", "--", "true"],
}


class Plain:
    """What any report costs at least: the value is stored."""

    current = 0


def update(side: str, count: int) -> dict[str, float]:
    """Seconds of one call, its loop counted in."""
    if side == "attribute":
        return _timed_attribute(count)
    if side == "tqdm":
        from tqdm import tqdm

        with open(os.devnull, "w") as nowhere, tqdm(total=count, file=nowhere) as bar:
            return _timed(lambda _: bar.update(), count)
    import vain

    with vain.task("update", total=count) as task:
        if side == "vain":
            return _timed(lambda n: task.update(current=n), count)  # through a function of its own, as tqdm's
        return _timed(lambda n: task.update(n, message=MESSAGES[n & 1]), count)


def track(side: str, count: int) -> dict[str, float]:
    """Seconds of one iteration of an empty loop."""
    if side == "plain":
        return _timed_loop(range(count), count)
    if side == "tqdm":
        from tqdm import tqdm

        with open(os.devnull, "w") as nowhere:
            return _timed_loop(tqdm(range(count), file=nowhere), count)
    import vain

    return _timed_loop(vain.track(range(count), "track"), count)


def work(side: str, count: int) -> dict[str, float]:
    """Seconds of a job of so many steps, each of which it reports, with a line of log for every tenth."""
    import vain

    with vain.task("work", total=count) as task:
        began = time.perf_counter()
        for number in range(count):
            found = sum(n * n for n in range(STEP_NUMBERS))
            if side == "vain":
                task.update(number + 1, message="squares")
                if number % LINES_EVERY == 0:
                    task.log(f"step {number}: {found}")
        return {"seconds": time.perf_counter() - began}


def command(side: str, count: int) -> dict[str, float]:
    """Seconds, CPU seconds and the peak of resident memory of a command, the median process of ``count``."""
    _spawned(COMMANDS[side])  # compiles what it imports, as an installed package already is
    measured = sorted(_spawned(COMMANDS[side]) for _ in range(count))
    seconds, cpu_seconds, kibibytes = measured[len(measured) // 2]
    return {"seconds": seconds, "cpu_seconds": cpu_seconds, "mebibytes": kibibytes / MEBIBYTE_KIB}


def _spawned(arguments: list[str]) -> tuple[float, float, int]:
    began = time.perf_counter()
    pid = os.posix_spawnp(arguments[0], arguments, os.environ)
    _, status, usage = os.wait4(pid, 0)
    seconds = time.perf_counter() - began
    if status != 0:
        raise RuntimeError(f"{arguments} ended with status {status}")
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss


def _timed_attribute(count: int) -> dict[str, float]:
    plain = Plain()
    began = time.perf_counter()
    for number in range(count):
        plain.current = number
    return {"seconds": (time.perf_counter() - began) / count}


def _timed(call: Callable[[int], object], count: int) -> dict[str, float]:
    began = time.perf_counter()
    for number in range(count):
        call(number)
    return {"seconds": (time.perf_counter() - began) / count}


def _timed_loop(items: object, count: int) -> dict[str, float]:
    began = time.perf_counter()
    for _ in items:  # type: ignore[attr-defined]  # tqdm carries no types
        pass
    return {"seconds": (time.perf_counter() - began) / count}


MEASURES = {"update": update, "track": track, "work": work, "command": command}


def main() -> None:
    """Measure one side and print it."""
    parser = argparse.ArgumentParser(description="A job that reports, timed from within.")
    parser.add_argument("what", choices=MEASURES)
    parser.add_argument("side")
    parser.add_argument("--url")
    parser.add_argument("--spool")
    parser.add_argument("--bytecode", help="folder for what Python compiles")
    parser.add_argument("--count", type=int, required=True)
    options = parser.parse_args()
    # Before vain is imported, which reads them once.
    os.environ["VAIN_REPORT"] = "0" if options.url is None else "1"
    if options.url is not None:
        os.environ |= {"VAIN_URL": options.url, "VAIN_SPOOL": options.spool}
    if options.bytecode is not None:
        # A checkout or a container may forbid bytecode; then each start would compile all of vAIn.
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.environ["PYTHONPYCACHEPREFIX"] = options.bytecode
    print(json.dumps(MEASURES[options.what](options.side, options.count)))


if __name__ == "__main__":
    main()
