"""vAIn from another program: the routes of a running server as methods, with typed answers.

>>> from vain import Client
>>> with Client() as vain:
...     task = vain.create("train resnet", priority="high", tags=["gpu"])
...     vain.update(task.task_id, status="in-progress")
...     vain.performance().cpu_usage
"""

from __future__ import annotations

import math
import uuid
from array import array
from collections.abc import Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Literal

import msgspec
from msgspec import Struct

from vain import settings
from vain.clock import utc
from vain.flow import Visualizations
from vain.history import Columns
from vain.samples import Sample
from vain.types import Notification, Task
from vain.wire import Wire

Moment = float | str | datetime
"""Negative seconds before now, Unix seconds, an RFC 3339 time, or a datetime with a time zone."""
Statistic = Literal["mean", "min", "max"]
Values = list[float | None]


class SeriesValues(Struct, frozen=True):
    """One series of a history: for each time the mean, least and largest value; None where nothing is known."""

    mean: Values
    min: Values
    max: Values


class MetricHistory(Struct, frozen=True):
    """The answer of ``GET /performance/history``. ``t`` in Unix seconds, ``step`` in seconds."""

    t: list[float]
    series: dict[str, SeriesValues]
    tier: str = "raw"
    step: float | None = None
    quality: dict[str, object] = {}

    def columns(self, statistic: Statistic = "mean") -> Columns:
        """One statistic of each series as ``Columns``: arrays of equal length, NaN where nothing is known."""
        values = {name: _array(getattr(series, statistic)) for name, series in self.series.items()}
        return Columns(len(self.t), array("d", self.t), values)


class Client:
    """A running vAIn server. May be shared by threads; every method blocks until the answer is there.

    ``url`` and ``api_key`` are taken from VAIN_URL and VAIN_API_KEY (or VAIN_API_KEY_FILE) if not given. Methods raise
    what the server raised (NotFound, Invalid with its flaws, … of ``vain.errors``), and Unreachable if none answers.
    Nothing is repeated, but for a GET or a ``create`` whose kept connection had been closed meanwhile.
    """

    def __init__(
        self, url: str | None = None, api_key: str | None = None, timeout_seconds: float | None = None
    ) -> None:
        known = settings.load()
        self._wire = Wire(url or known.url, api_key or known.api_key, timeout_seconds or known.timeout_seconds)

    @property
    def url(self) -> str:
        """The address of the server, without a slash at its end."""
        return self._wire.url

    @property
    def timeout_seconds(self) -> float:
        """How long a call waits for the server."""
        return self._wire.timeout_seconds

    @property
    def authorization(self) -> dict[str, str]:
        """The header with the API key, for a WebSocket to the same server; empty without a key."""
        return self._wire.authorization

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the kept connections."""
        self._wire.close()

    def tasks(self) -> list[Task]:
        """All tasks, the oldest first; ``vain.selection.select`` picks and sorts."""
        return self._wire.get(list[Task], "/tasks")

    def task(self, task_id: int) -> Task:
        """One task."""
        return self._wire.get(Task, f"/tasks/{int(task_id)}")

    def create(self, name: str, **fields: object) -> Task:
        """A new task, as the server stored it; ``fields`` as in ``vain.types.TaskDraft``, times also as datetimes."""
        body = msgspec.json.encode({"name": name, **fields})
        answer = self._wire.send("POST", "/tasks", body, idempotency_key=uuid.uuid4().hex)
        return self._wire.decoded(Task, answer)

    def update(self, task_id: int, **fields: object) -> Task:
        """Sets the given fields and leaves the others; the whole task, as it now is."""
        body = msgspec.json.encode(fields)
        return self._wire.decoded(Task, self._wire.send("PUT", f"/tasks/{int(task_id)}", body))

    def delete(self, task_id: int) -> None:
        """Removes a task."""
        self._wire.send("DELETE", f"/tasks/{int(task_id)}")

    def performance(self) -> Sample:
        """The newest look at the machine."""
        return self._wire.get(Sample, "/performance")

    def history(
        self,
        after: Moment = -3600,
        before: Moment | None = None,
        metrics: Sequence[str] | None = None,
        points: int | None = None,
    ) -> MetricHistory:
        """The metrics between two moments; all that there are, unless ``metrics`` names some (``cpu.percent``, …).

        ``points`` is how many points are wanted at most: each then stands for ``step`` seconds.
        """
        asked = {
            "after": _moment(after),
            "before": None if before is None else _moment(before),
            "points": points,
            "metrics": ",".join(metrics) if metrics is not None else None,
        }
        return self._wire.get(MetricHistory, "/performance/history", asked)

    def visualizations(self) -> Visualizations:
        """The charts, as data."""
        return self._wire.get(Visualizations, "/visualizations")

    def notifications(self, limit: int = 50) -> list[Notification]:
        """The newest notifications, newest first."""
        return self._wire.get(list[Notification], "/notifications", {"limit": limit})

    def read_notification(self, notification_id: int) -> None:
        """Marks a notification as read."""
        self._wire.send("PATCH", f"/notifications/{int(notification_id)}", b'{"read":true}')


def _array(values: Values) -> array[float]:
    return array("d", [math.nan if value is None else value for value in values])


def _moment(moment: Moment) -> str:
    if isinstance(moment, datetime):
        return _canonical(moment)
    if isinstance(moment, str):
        return moment
    return f"{moment:.3f}" if moment < 0 else utc(moment)


def _canonical(moment: datetime) -> str:
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone: datetime.now(UTC) would be right")
    return utc(moment.astimezone(UTC).timestamp())
