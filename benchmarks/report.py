"""What a benchmark hands back, and how it reads on the terminal and in docs/benchmarks.md."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterable, Sequence
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import psutil

NAMED_VERSIONS = tuple("tornado panel bokeh apsw msgspec psutil fastapi uvicorn uvloop websockets".split())
GIBIBYTE = 1 << 30
INTRODUCTION = """# Benchmarks

Written by `make bench ARGS=--write`; no figure here was put in by hand. `python -m benchmarks NAME` repeats one.

What is compared runs in turn, round by round, on the same machine in the same minutes. A figure is the median of its
rounds, with the smallest and the largest in brackets; a ratio is taken within each round first. Absolute figures move
with the machine and its other work, so read the ratios. Clients run in processes of their own and share the cores.
"""


class Target(NamedTuple):
    """What was aimed at: ``value`` compared with ``limit``."""

    claim: str
    value: float
    limit: float
    is_floor: bool = False
    """Whether the value has to reach the limit, rather than stay below it."""

    @property
    def is_met(self) -> bool:
        """Whether the figure is good enough."""
        return self.value >= self.limit if self.is_floor else self.value <= self.limit

    def text(self) -> str:
        """One line: the claim, the limit, the figure, met or missed."""
        sign = "≥" if self.is_floor else "≤"
        return f"{self.claim} {sign} {self.limit:g}: {self.value:.2f}, **{'met' if self.is_met else 'missed'}**"


class Table(NamedTuple):
    """Cells as text; the first column says what a row is."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]

    def text(self) -> str:
        """As Markdown, padded so that it reads in a terminal too."""
        lines = [list(self.header), *map(list, self.rows)]
        widths = [max(len(line[column]) for line in lines) for column in range(len(self.header))]
        padded = ["| " + " | ".join(map(str.ljust, line, widths)) + " |" for line in lines]
        rule = "|" + "|".join("-" * (width + 1) + ("-" if i == 0 else ":") for i, width in enumerate(widths)) + "|"
        return "\n".join([padded[0], rule, *padded[1:]])


class Section(NamedTuple):
    """The result of one benchmark."""

    name: str
    title: str
    method: str
    tables: Sequence[Table]
    targets: Sequence[Target] = ()
    notes: str = ""

    def text(self) -> str:
        """As Markdown, from its heading on."""
        parts = [f"## {self.title}", f"`python -m benchmarks {self.name}` · {machine()}", self.method]
        parts += [table.text() for table in self.tables]
        parts += ["\n".join(f"- {target.text()}" for target in self.targets)] if self.targets else []
        parts += [self.notes] if self.notes else []
        return "\n\n".join(parts) + "\n"


def machine() -> str:
    """Cores, memory, system, versions: what a reader needs to compare, and nothing that names a machine."""
    memory = psutil.virtual_memory().total / GIBIBYTE
    libraries = ", ".join(f"{name} {version}" for name in NAMED_VERSIONS if (version := _version(name)))
    python = f"{platform.system()}, Python {platform.python_version()}"
    return f"{os.cpu_count()} cores, {memory:.0f} GiB, {python}, {libraries}"


def write(path: Path, sections: Iterable[Section], order: Sequence[str]) -> None:
    """Put the sections into the document. What was not measured this time stays as it is."""
    texts = _kept(path, order) | {section.name: section.text() for section in sections}
    path.write_text("\n".join([INTRODUCTION, *(texts[name] for name in order if name in texts)]), encoding="utf-8")


def _kept(path: Path, order: Sequence[str]) -> dict[str, str]:
    """The sections that the document has, by name."""
    if not path.exists():
        return {}
    found: dict[str, str] = {}
    for text in re.split(r"^(?=## )", path.read_text("utf-8"), flags=re.MULTILINE)[1:]:
        command = re.search(r"^`python -m benchmarks ([\w-]+)`", text, flags=re.MULTILINE)
        if command and command[1] in order:
            found[command[1]] = text.rstrip("\n") + "\n"
    return found


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
