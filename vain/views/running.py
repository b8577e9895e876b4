"""What runs on this machine and what it takes, small enough for the output of a cell.

Pure: from tasks, samples and metric rows to text, with our own template, which escapes all that somebody wrote. It is
plain HTML without scripts, so that JupyterLab, Notebook and VS Code show it alike and a saved notebook keeps it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from msgspec import Struct

from vain import words
from vain.clock import unix, utc
from vain.samples import Cpu, Memory, Sample
from vain.types import Eta, Resources, Task
from vain.views import theme
from vain.views.board_rows import row as board_row
from vain.views.text import asset, template

MOST_RUNNING: Final = 8
MOST_ENDED: Final = 5
LATELY_SECONDS: Final = 3_600
"""So long ago may a task have ended that is shown among those that ended."""
POINTS: Final = 120
WIDTH, HEIGHT = 240, 36
SERIES: Final = ("cpu.percent", "memory.percent")

STATES: Final[Mapping[str, tuple[str, str, str]]] = {
    "in-progress": ("running", "▶", "Running"),
    "succeeded": ("good", "✓", "Succeeded"),
    "failed": ("critical", "✕", "Failed"),
    "crashed": ("critical", "✕", "Crashed"),
    "timed-out": ("critical", "◷", "Timed out"),
    "cancelled": ("quiet", "⊘", "Cancelled"),
    "skipped": ("quiet", "↷", "Skipped"),
}
"""By status or outcome: the class, and the sign and the word that say it without colour."""
STALE: Final = ("warning", "▲", "No news")
_UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


class Row(Struct, frozen=True):
    """One task. ``percent`` None: how far it is, is not known."""

    name: str
    state: str
    sign: str
    word: str
    note: str
    note_is_error: bool
    is_running: bool
    percent: float | None
    amount: str
    runtime: str
    left: str
    left_why: str
    cpu: str
    cpu_note: str
    memory: str
    memory_note: str


class Meter(Struct, frozen=True):
    """One figure of the machine, and how it was in the time that ``span`` says: ``line`` and ``area`` are SVG paths."""

    label: str
    value: str
    detail: str
    kind: str
    span: str
    line: str
    area: str


class Trouble(Struct, frozen=True):
    """Why nothing new is shown, and the command that helps."""

    text: str
    command: str = ""


class Shown(Struct, frozen=True):
    """Everything that the panel shows. ``at``: the time of it, for who opens a notebook that was saved."""

    url: str
    at: str
    host: str = ""
    rows: tuple[Row, ...] = ()
    more: int = 0
    meters: tuple[Meter, ...] = ()
    trouble: Trouble | None = None
    is_over: bool = False


def html(shown: Shown) -> str:
    """The panel."""
    return template("running.html").render(shown=shown, width=WIDTH, height=HEIGHT)


def plain(shown: Shown) -> str:
    """The same in few words, for where no HTML is shown."""
    if shown.trouble is not None:
        return " ".join(filter(None, (shown.trouble.text, shown.trouble.command)))
    lines = [f"{row.sign} {row.word} · {row.name} · {row.runtime}" for row in shown.rows]
    return "\n".join((f"vAIn on {shown.host} at {shown.at}: {shown.url}", *lines))


def style() -> str:
    """The style sheet: dark where JupyterLab or VS Code is, or else where the system is."""
    light, dark = (_declarations(mode) for mode in (theme.tokens("light"), theme.DARK))
    quiet = "body:not([data-jp-theme-light]):not([data-vscode-theme-kind])"
    told = ("[data-jp-theme-light=false]", "[data-vscode-theme-kind=vscode-dark]", ".vscode-high-contrast")
    return (
        f".vain-running {{ color-scheme: light; {light} }}\n"
        f"{', '.join(f'body{said} .vain-running' for said in told)} {{ color-scheme: dark; {dark} }}\n"
        f"@media (prefers-color-scheme: dark) {{ {quiet} .vain-running {{ color-scheme: dark; {dark} }} }}\n"
        + asset("running.css")
    )


def rows(tasks: Iterable[Task], now: float) -> tuple[tuple[Row, ...], int]:
    """The tasks in progress, the newest first, then those that ended lately; and how many in progress are left out."""
    known, since = list(tasks), utc(now - LATELY_SECONDS)
    running = sorted((t for t in known if t.status == "in-progress"), key=lambda t: t.started_at or "", reverse=True)
    # As text, which canonical times compare as well as: there may be thousands, each second.
    ended = [t for t in known if t.completed_at is not None and t.completed_at > since]
    ended.sort(key=lambda t: t.completed_at or "", reverse=True)
    shown = (*running[:MOST_RUNNING], *ended[:MOST_ENDED])
    return tuple(row(task, now) for task in shown), max(0, len(running) - MOST_RUNNING)


def row(task: Task, now: float) -> Row:
    """What is said of a task at Unix second ``now``."""
    is_running = task.status == "in-progress"
    state, sign, word = STATES[task.outcome or task.status] if not (is_running and task.stale) else STALE
    known, used = board_row(task), task.resources or Resources()
    left, why = _left(task.eta, now) if is_running else ("", "")
    return Row(
        name=task.name,
        state=state,
        sign=sign,
        word=word,
        note=known["note"],
        note_is_error=known["note_is_error"],
        is_running=is_running,
        percent=task.progress,
        amount=known["amount"] or ("" if task.progress is None else f"{math.floor(task.progress)} %"),
        runtime=_runtime(task, now),
        left=left,
        left_why=why,
        **_taken(used, is_running),
    )


def between(low_seconds: float, high_seconds: float) -> str:
    """A range of durations in one unit: ``3–5 min``, ``about 2 h``."""
    low, high = max(0.0, low_seconds), max(0.0, high_seconds)
    size, unit = next((each for each in _UNITS if high >= 1.5 * each[0]), _UNITS[-1])
    least, most = math.floor(low / size), math.ceil(high / size)
    return f"about {most} {unit}" if most - least <= 1 and least > 0 else f"{least}–{most} {unit}"


def meters(sample: Sample | None, points: Mapping[str, Sequence[float]]) -> tuple[Meter, ...]:
    """Processor and memory of the machine; ``points`` are the newest values of ``SERIES``, NaN where there is a gap."""
    cpu, memory = (sample.cpu, sample.memory) if sample is not None else (Cpu(), Memory())
    period = sample.period_seconds if sample is not None else None
    span = f"last {words.duration(POINTS * period)}" if period else ""
    cores = f"of {cpu.cores_logical} cores" if cpu.cores_logical else ""
    used = "" if memory.used_bytes is None else f"{words.size(memory.used_bytes)} of {words.size(memory.total_bytes)}"
    figures = (("CPU", cpu.percent, cores, "cpu"), ("Memory", memory.percent, used, "memory"))
    return tuple(
        Meter(label, words.UNKNOWN if percent is None else f"{percent:.1f} %", detail, kind, span, *paths(values))
        for (label, percent, detail, kind), values in zip(figures, (points.get(n, ()) for n in SERIES), strict=True)
    )


def paths(values: Sequence[float], full: float = 100.0) -> tuple[str, str]:
    """The newest ``POINTS`` values as a line and as the area below it; NaN breaks both."""
    newest = values[-POINTS:]
    line: list[str] = []
    area: list[str] = []
    begun = False
    for index, value in enumerate(newest):
        x = (index + POINTS - len(newest)) / (POINTS - 1) * WIDTH
        if math.isnan(value):
            begun = False
            continue
        spot = f"{x:.1f} {HEIGHT - 1 - min(value / full, 1) * (HEIGHT - 2):.1f}"
        line.append(f"{'L' if begun else 'M'}{spot}")
        area.append(f"L{spot}" if begun else f"M{x:.1f} {HEIGHT}L{spot}")
        begun = True
        if index + 1 == len(newest) or math.isnan(newest[index + 1]):
            area.append(f"L{x:.1f} {HEIGHT}Z")
    return "".join(line), "".join(area)


def _runtime(task: Task, now: float) -> str:
    if task.started_at is None:
        return words.UNKNOWN
    ended = now if task.completed_at is None else unix(task.completed_at)
    seconds = max(0.0, ended - unix(task.started_at))
    return words.duration(float(math.floor(seconds)) if task.completed_at is None else seconds)


def _left(eta: Eta | None, now: float) -> tuple[str, str]:
    if eta is None:
        return "", ""
    return between(unix(eta.low) - now, unix(eta.high) - now), eta.basis


def _taken(used: Resources, is_running: bool) -> dict[str, str]:
    """What it takes now, or took in all."""
    peak = used.rss_peak_bytes
    if is_running:
        now = words.UNKNOWN if used.cpu_percent is None else f"{used.cpu_percent:.0f} %"
        noted = "" if peak is None else f"peak {words.size(peak)}"
        return {"cpu": now, "cpu_note": "", "memory": words.size(used.rss_bytes), "memory_note": noted}
    return {
        "cpu": words.duration(used.cpu_seconds),
        "cpu_note": "" if used.cpu_seconds is None else "in all",
        "memory": words.size(peak),
        "memory_note": "" if peak is None else "peak",
    }


def _declarations(values: Mapping[str, str]) -> str:
    return " ".join(f"--vain-{name}: {value};" for name, value in values.items())
