"""The answer to "what did that?", as ``GET /performance/explain`` gives it. Unknown is None, never 0."""

from __future__ import annotations

from msgspec import Struct

from vain.types import Outcome, Status


class Stretch(Struct, frozen=True):
    """From one moment to another, in Unix seconds."""

    after: float
    before: float


class TaskShare(Struct, frozen=True):
    """What one task used in the window, what belongs to a task within it left out: each process counts once.

    ``share`` is 0 to 1 of what the machine used of that which the metric is about. ``cpu_cores`` is the mean over the
    time in which the task ran. ``memory_growth_bytes``: by how much its most memory is more than its mean in the
    baseline (all of it, if it began later); told where the metric is about memory.
    """

    task_id: int
    name: str
    status: Status | None
    """None: the task was deleted since."""
    outcome: Outcome | None
    share: float | None
    cpu_seconds: float | None = None
    cpu_cores: float | None = None
    memory_peak_bytes: int | None = None
    memory_growth_bytes: int | None = None
    read_bytes: int | None = None
    written_bytes: int | None = None
    progress: float | None = None
    """In percent, as it is now."""


class Unattributed(Struct, frozen=True):
    """What belongs to no task: of processes that are none, and of the kernel."""

    share: float | None


class ProcessShare(Struct, frozen=True):
    """One of the busiest processes: means over the looks in the window, 0 in a look in which it was not among them.

    ``memory_bytes`` is the most that was seen, ``bytes_per_second`` read and written. ``share`` as that of a task,
    None where it is not known (GPUs).
    """

    pid: int
    name: str
    task_id: int | None
    share: float | None
    cpu_percent: float | None = None
    memory_bytes: int | None = None
    bytes_per_second: float | None = None


class Changed(Struct, frozen=True):
    """A metric of the machine that is not as it was: means of the baseline and of the window, and how unusual that is.

    ``score`` is the distance in robust standard deviations of the baseline.
    """

    metric: str
    label: str
    unit: str
    before: float
    now: float
    score: float


class Explanation(Struct, frozen=True):
    """Who used it. ``window`` is what was looked at: a moment is widened to three seconds.

    ``value`` is the mean of the metric in the window and ``peak`` its largest value, in ``unit``. ``tasks`` have the
    largest share first, those of which nothing is known last; ``notes`` say in words what is not known.
    """

    window: Stretch
    baseline: Stretch
    metric: str
    value: float | None
    peak: float | None
    unit: str
    tasks: list[TaskShare]
    unattributed: Unattributed
    processes: list[ProcessShare]
    changed: list[Changed]
    notes: list[str] = []
