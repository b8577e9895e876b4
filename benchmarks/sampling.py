"""``benchmarks/sample.py`` in a process of its own, as a section."""

from __future__ import annotations

from benchmarks.processes import output_of
from benchmarks.report import Section, Table, Target
from benchmarks.sample import LARGEST_RATIO

TIMEOUT_SECONDS = 180
METHOD = """CPU time of the reading thread. The floor is a loop that calls psutil for the same figures; it builds no
sample and reads neither pressure nor container limits. In "tight" each is called many times in a row, in "1 Hz" once
a second, with caches as cold as in a running server. Medians of interleaved rounds."""


def measure() -> Section:
    """About twenty seconds."""
    lines = output_of(["-m", "benchmarks.sample"], TIMEOUT_SECONDS).splitlines()
    # A row is a name, which may have a blank in it, and three figures.
    rows = [line.rsplit(maxsplit=3) for line in lines[1:] if line.strip()]
    targets = [Target(f"CPU of bare psutil, {row[0].strip()}", float(row[3]), LARGEST_RATIO) for row in rows]
    table = Table(["", "psutil µs", "vAIn µs", "ratio"], [[row[0].strip(), *row[1:]] for row in rows])
    return Section("sample", "One sample of the machine", METHOD, [table], targets)
