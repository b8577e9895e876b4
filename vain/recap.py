"""What a run used, in words: while it runs, and when it has ended. Nothing is said that is not known. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

from vain import words
from vain.clock import unix
from vain.types import HostResources, Resources, Task
from vain.usual import nearest_rank

FEWEST_RUNS = 2
"""What one earlier run took is not yet what is usual."""
SHORTEST_SECONDS = 0.5
"""Of a shorter run, a mean says nothing."""


class Beside(Struct, frozen=True):
    """What is known beside the task itself; None: unknown."""

    cores: int | None = None
    memory_bytes: int | None = None
    """Of the machine that the task ran on."""
    waited_percent: float | None = None
    """Share of the time in which some work of the machine waited for a disk."""
    durations: Sequence[float] = ()
    """Seconds that earlier runs took."""
    cpu_percent: float | None = None
    """Of one core, the mean of the samples so far: the totals of a task that runs are stored once a minute."""
    memory_now_bytes: float | None = None
    memory_usual_bytes: float | None = None
    """What earlier runs used at the same point."""


class Said(Struct, frozen=True):
    """One line: what it is about, and what is said."""

    topic: str
    text: str


def words_of(task: Task, now: float, beside: Beside) -> list[Said]:
    """The lines about a task that was started; ``now`` in Unix seconds."""
    seconds = seconds_of(task, now)
    if seconds is None:
        return []
    used = task.resources or Resources()
    lines = (
        ("Time", _time(task, seconds, beside.durations)),
        ("CPU", _cpu(task, used, seconds, beside)),
        ("Memory", _memory(task, used, beside)),
        ("Disk", _disk(used, beside.waited_percent)),
        ("GPU", f"peak {words.size(used.gpu_memory_peak_bytes)}" if used.gpu_memory_peak_bytes else ""),
    )
    return [Said(topic, text) for topic, text in lines if text]


def seconds_of(task: Task, now: float) -> float | None:
    """How long a task ran, or has run; None if it was never started."""
    if task.started_at is None:
        return None
    return max(0.0, (unix(task.completed_at) if task.completed_at else now) - unix(task.started_at))


def markdown_of(task: Task, said: Sequence[Said]) -> str:
    """The same as a list in Markdown, the name as it is."""
    how = task.outcome or ("so far" if task.status == "in-progress" else task.status)
    name = "".join(f"\\{letter}" if letter in "\\`*_[]<>#|" else letter for letter in task.name)
    return "\n".join([f"**{name}** (task {task.task_id}, {how})", "", *(f"- {s.topic}: {s.text}" for s in said)])


MOST_HOSTS = 100
"""That are told one by one: those that used most."""
_Say = Callable[[HostResources], str | None]
_COLUMNS: tuple[tuple[str, _Say], ...] = (
    ("CPU time", lambda used: None if used.cpu_seconds is None else words.duration(used.cpu_seconds)),
    ("Cores now", lambda used: None if used.cpu_percent is None else _count(used.cpu_percent / 100)),
    ("Cores, at most", lambda used: None if used.cpu_percent_peak is None else _count(used.cpu_percent_peak / 100)),
    ("Memory now", lambda used: None if used.rss_bytes is None else words.size(used.rss_bytes)),
    ("Memory, at most", lambda used: None if used.rss_peak_bytes is None else words.size(used.rss_peak_bytes)),
    ("Read", lambda used: None if used.read_bytes is None else words.size(used.read_bytes)),
    ("Written", lambda used: None if used.written_bytes is None else words.size(used.written_bytes)),
    ("GPU memory", lambda used: words.size(used.gpu_memory_peak_bytes) if used.gpu_memory_peak_bytes else None),
)


def hosts_table(task: Task) -> list[list[str]]:
    """What a task used on each host, a line of headings first; empty if it was on one alone.

    Those that used most CPU come first. What is known of none of them has no column.
    """
    hosts = None if task.resources is None else task.resources.hosts
    if not hosts:
        return []
    names = sorted(hosts, key=lambda name: (-(hosts[name].cpu_seconds or 0.0), name))[:MOST_HOSTS]
    told = [(heading, [say(hosts[name]) for name in names]) for heading, say in _COLUMNS]
    known = [(heading, cells) for heading, cells in told if any(cell is not None for cell in cells)]
    rows = [[name, *(cells[at] or words.UNKNOWN for _, cells in known)] for at, name in enumerate(names)]
    return [["Host", *(heading for heading, _ in known)], *rows]


def _time(task: Task, seconds: float, durations: Sequence[float]) -> str:
    taken = f"{'took' if task.completed_at else 'running for'} {words.duration(seconds)}"
    if len(durations) < FEWEST_RUNS:
        return taken
    return f"{taken}, usually {words.duration(nearest_rank(durations, 50))} ({len(durations)} runs)"


def _cpu(task: Task, used: Resources, seconds: float, beside: Beside) -> str:
    if task.status == "in-progress" and beside.cpu_percent is not None:
        peak = max(beside.cpu_percent, used.cpu_percent_peak or 0.0)
        return f"uses {_cores(beside.cpu_percent / 100, beside.cores)} on average, at most {_count(peak / 100)}"
    watched = seconds
    if used.since is not None and task.started_at is not None:
        watched -= max(0.0, unix(used.since) - unix(task.started_at))
    if used.cpu_seconds is None or watched < SHORTEST_SECONDS:
        return ""
    peak_told = "" if used.cpu_percent_peak is None else f", at most {_count(used.cpu_percent_peak / 100)}"
    told = f"used {_cores(used.cpu_seconds / watched, beside.cores)}{peak_told}"
    return f"{told}; {words.duration(used.cpu_seconds)} of CPU time"


def _count(cores: float) -> str:
    return f"{cores:.2f}" if cores < 0.095 else f"{cores:.1f}"


def _cores(mean: float, cores: int | None) -> str:
    count = _count(mean)
    if cores is None:
        return f"{count} cores"
    return f"{count} of {cores} {'core' if cores == 1 else 'cores'}"


def _memory(task: Task, used: Resources, beside: Beside) -> str:
    parts = []
    known = [amount for amount in (used.rss_peak_bytes, beside.memory_now_bytes) if amount is not None]
    if known:
        of = "" if beside.memory_bytes is None else f" of {words.size(beside.memory_bytes)}"
        parts.append(f"peak {words.size(max(known))}{of}")
    if task.status == "in-progress" and beside.memory_now_bytes is not None:
        usually = beside.memory_usual_bytes
        noted = "now" if usually is None else f"at this point, usually {words.size(usually)}"
        parts.append(f"{words.size(beside.memory_now_bytes)} {noted}")
    return "; ".join(parts)


def _disk(used: Resources, waited_percent: float | None) -> str:
    moved = [
        f"{word} {words.size(amount)}"
        for word, amount in (("read", used.read_bytes), ("wrote", used.written_bytes))
        if amount is not None
    ]
    waited = "" if waited_percent is None else f"the machine waited for disk {waited_percent:.0f} % of the time"
    return "; ".join(part for part in (", ".join(moved), waited) if part)
