"""When a rule about tasks would have fired over stored runs: the same judge, fed with what is stored. Pure.

What a run was like (how it ended, how long it took, what it cost) is known of all. That one fell silent, came late or
did not come is known by the notifications that said so, as far as they are kept.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Iterator
from typing import Final, NamedTuple

from msgspec.structs import replace

from vain import usual
from vain.alerting.alert import Alert, Fired, Firing
from vain.alerting.of_tasks import Job, judge
from vain.alerting.replay import Running
from vain.alerting.rule import Rule
from vain.clock import unix, utc
from vain.notification import Notice
from vain.types import Outcome, Status, Task

SAID_KINDS: Final = ("task.stale", "task.overdue", "task.missed", "task.recovered")
OF_RUNS: Final = frozenset({"longer", "shorter", "costlier"})
"""What is unusual about a run is not stored, but worked out of the runs before it."""
EARLIER_RUNS: Final = 100


class Run(NamedTuple):
    """An attempt at a task; times in Unix seconds, None: not yet, or not known."""

    task_id: int
    name: str
    key: str | None
    tags: list[str]
    started: float | None
    ended: float | None
    removed: float | None
    """When the task was deleted."""
    outcome: Outcome | None
    cpu_seconds: float | None = None
    rss_peak_bytes: int | None = None


class Said(NamedTuple):
    """What a notification said of a job; ``kind`` is one of ``SAID_KINDS``. Without a run only its name is known."""

    at: float
    kind: str
    task_id: int | None
    name: str
    key: str | None
    tags: list[str]


_DUE_LATER = "due later"
"""Not told: what is overdue again had been given more time, nobody knows when."""
_SAID, _END, _BEGIN, _GONE = range(4)
"""What comes first of what happened at the same time: a run may begin as the one before it ends."""
_STATUS: Final[dict[int, Status]] = {_END: "completed", _BEGIN: "in-progress", _GONE: "in-progress"}


class _Happening(NamedTuple):
    """What the judge is asked about, at a time in Unix seconds."""

    at: float
    order: int
    job: Job
    kinds: tuple[str, ...] = ()


def replay_tasks(
    rule: Rule, runs: Iterable[Run], said: Iterable[Said], running_at: Running, after: float, before: float
) -> list[Firing]:
    """The times in which the rule fires in a window (Unix seconds), in order of their beginning; enabled or not.

    ``runs`` may have some that ended before the window: they say what is usual.
    """
    happenings = [*_said(said), *_of_runs(runs, rule.tasks)]
    flags: dict[int, tuple[bool, bool]] = {}
    alerts: dict[tuple[str, str], Alert] = {}
    firings: list[Firing] = []
    is_conditional = rule.while_task is not None or rule.unless_task is not None
    for at, order, job, kinds in sorted(happenings, key=lambda each: each[:2]):
        if not after <= at < before:
            continue
        told = [Notice(kind, "info", "") for kind in kinds]
        known = _marked(job, order, kinds, flags)
        for event in judge([rule], known, told, alerts, utc(at), running_at(at) if is_conditional else ()).events:
            if isinstance(event, Fired):
                alerts[rule.name, event.subject] = Alert(
                    rule=rule.name, subject=event.subject, level=rule.level, since=utc(at), fired_at=utc(at),
                    notification_id=1, task_id=event.task_id, event=event.event,
                )  # fmt: skip
            else:
                begun = unix(alerts.pop((rule.name, event.subject)).since)
                firings.append(Firing(rule.name, event.subject, begun, begun, at, None))
    begun_at = ((alert.subject, unix(alert.since)) for alert in alerts.values())
    firings += [Firing(rule.name, subject, begun, begun, None, None) for subject, begun in begun_at]
    return sorted(firings, key=lambda each: (each.since, each.subject))


def _marked(job: Job, order: int, kinds: Collection[str], flags: dict[int, tuple[bool, bool]]) -> Job:
    """The job with what was said of its run until then: whether it is silent, and overdue."""
    task = job.task
    if task is None or (order != _SAID and task.task_id not in flags):
        return job
    if task.status == "completed":
        flags.pop(task.task_id, None)
        return job
    stale, overdue = flags.get(task.task_id, (False, False))
    stale = (stale or "task.stale" in kinds) and "task.recovered" not in kinds
    overdue = (overdue or "task.overdue" in kinds) and _DUE_LATER not in kinds
    flags[task.task_id] = stale, overdue
    return replace(job, task=replace(task, stale=stale, overdue=overdue))


def _said(said: Iterable[Said]) -> Iterator[_Happening]:
    for each in said:
        task = None if each.task_id is None else _task(each.task_id, each.name, each.key, each.tags, "in-progress")
        # A job that did not come is not in progress for that.
        if task is not None and each.kind == "task.missed":
            task = replace(task, status="pending")
        job = Job(each.key or each.name, task)
        if each.kind == "task.overdue":
            yield _Happening(each.at, _SAID, job, (_DUE_LATER,))
        yield _Happening(each.at, _SAID, job, (each.kind,))


class _Earlier:
    """Of one job the newest runs that went well, by what each took and cost."""

    def __init__(self) -> None:
        self._known: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=EARLIER_RUNS))

    def late(self, run: Run) -> float | None:
        """When a run had taken longer than usual; None if it did not, or if nobody knows what is usual."""
        seconds = self._known["seconds"]
        if run.started is None or len(seconds) < usual.FEWEST_RUNS:
            return None
        late = run.started + usual.nearest_rank(seconds, usual.LONG_PERCENT)
        end = run.ended if run.ended is not None else run.removed
        return None if end is not None and end <= late else late

    def unusual(self, run: Run) -> Iterator[str]:
        """What is told of a run that went well, which is known to the next one."""
        took = None if run.started is None or run.ended is None else max(0.0, run.ended - run.started)
        given = {"seconds": took, "cpu_seconds": run.cpu_seconds, "rss_peak_bytes": run.rss_peak_bytes}
        known = {name: value for name, value in given.items() if value is not None}
        found = {name: usual.is_unusual(value, self._known[name]) for name, value in known.items()}
        if found.pop("seconds", None) == "shorter":
            yield "task.shorter"
        if "longer" in found.values():
            yield "task.costlier"
        for name, value in known.items():
            self._known[name].append(value)


def _of_runs(runs: Iterable[Run], asked: Collection[str]) -> Iterator[_Happening]:
    """``asked`` is what the rule asks for."""
    earlier: dict[str, _Earlier] = defaultdict(_Earlier)
    is_unusual_asked = not OF_RUNS.isdisjoint(asked)
    for at, order, run in sorted(_edges(runs), key=lambda each: each[:2]):
        job = Job(run.key or run.name, _task(run.task_id, run.name, run.key, run.tags, _STATUS[order]), order == _GONE)
        kinds = [] if order != _END else ["task.completed" if run.outcome == "succeeded" else f"task.{run.outcome}"]
        known = earlier[job.subject] if is_unusual_asked else None
        if known is not None and order == _END and run.outcome == "succeeded":
            kinds += known.unusual(run)
        late = known.late(run) if known is not None and order == _BEGIN else None
        if late is not None:
            yield _Happening(late, order, job, ("task.longer",))
        # That a run has begun says something only of a job that was missed.
        if order != _BEGIN or "missed" in asked:
            yield _Happening(at, order, job, tuple(kinds))


def _edges(runs: Iterable[Run]) -> Iterator[tuple[float, int, Run]]:
    for run in runs:
        for at, order in ((run.started, _BEGIN), (run.ended, _END), (run.removed, _GONE)):
            if at is not None:
                yield at, order, run


def _task(task_id: int, name: str, key: str | None, tags: list[str], status: Status) -> Task:
    return Task(task_id=task_id, name=name, key=key, tags=tags, status=status, priority="medium", created_at="")
