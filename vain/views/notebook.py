"""The live panel of a notebook: ``vain.views.running`` under a cell, renewed by a thread of its own.

The thread needs neither the kernel's event loop nor a channel from the browser: the panel moves while a cell computes,
which is when somebody looks at it, and it asks nothing of the notebook but to show HTML.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final, Protocol
from uuid import uuid4

from msgspec.structs import replace

from vain.client import Client
from vain.clock import unix, utc
from vain.errors import Forbidden, Unauthenticated, Unreachable, VainError
from vain.remote import RemoteSource
from vain.samples import Sample
from vain.settings import load
from vain.types import Task
from vain.views.rows import rows as gapped
from vain.views.running import (
    LATELY_SECONDS,
    MOST_ENDED,
    POINTS,
    SERIES,
    Shown,
    Trouble,
    html,
    meters,
    plain,
    rows,
    style,
)

logger = logging.getLogger(__name__)

FIRST_SECONDS: Final = 1.5
"""So long the cell waits for the first figures, so that it does not begin with an empty panel."""
RETRY_SECONDS: Final = 2.0
LOST_SECONDS: Final = 5.0
LOST_PERIODS: Final = 4
"""Without a sample for both of these, the server is taken to be gone."""
STOP_SECONDS: Final = 5.0
PACES: Final = ((300.0, 1.0), (3_600.0, 3.0), (float("inf"), 10.0))
"""Seconds since the last cell began, and between two updates until then: where nobody looks, a notebook's server keeps
every update for the browser that comes back."""


class Publisher(Protocol):
    """What a kernel's ``display_pub`` can do."""

    def publish(
        self, data: Mapping[str, str], metadata: None = ..., *, transient: Mapping[str, str], update: bool = ...
    ) -> None: ...


class NotebookPanel:
    """One panel. ``idle_seconds`` tells how long ago the last cell began."""

    def __init__(self, publisher: Publisher, idle_seconds: Callable[[], float] = lambda: 0.0) -> None:
        # Kept: while %%capture runs, the shell has another, and the cell would find our updates in its output.
        self._publisher = publisher
        self._idle_seconds = idle_seconds
        self._display_id = f"vain-{uuid4().hex}"
        self._stopped, self._drawn = threading.Event(), threading.Event()
        self._source: RemoteSource | None = None
        self._shown = Shown(url="", at="", trouble=Trouble("Looking for the vAIn server…"))
        self._told: str | None = None
        self._cursor = 0
        self._newest_at: float | None = None
        self._tasks: list[Task] = []
        self._seen_seq: int | None = None
        self._points: dict[str, deque[float]] = {}
        self._sample: Sample | None = None
        self._sampled_at = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="vain-panel", daemon=True)

    def show(self) -> NotebookPanel:
        """Put the panel into the output of the cell that runs, and renew it from now on."""
        # Without a handler of the notebook's own, the lost connection that the panel tells of would be told again in
        # the output of whichever cell runs.
        logging.getLogger("vain.remote").addHandler(logging.NullHandler())
        self._thread.start()
        self._drawn.wait(FIRST_SECONDS)
        self._publish({"text/html": f"<style>{style()}</style>", "text/plain": ""}, f"{self._display_id}-style")
        self._told = html(self._shown)
        self._publish({"text/html": self._told, "text/plain": plain(self._shown)}, self._display_id)
        return self

    def stop(self) -> None:
        """The panel stands still, and its thread and its connection end. Twice is once."""
        if self._stopped.is_set():
            return
        self._stopped.set()
        self._thread.join(STOP_SECONDS)
        self._shown = replace(self._shown, is_over=True)
        self._renew()

    def _run(self) -> None:
        try:
            while not self._stopped.is_set():
                self._look()
                self._drawn.set()
                self._renew()
                self._stopped.wait(self._pause_seconds())
        except Exception:
            logger.exception("The live panel ended")
        finally:
            self._disconnect()

    def _look(self) -> None:
        try:
            url = load().url
            self._shown = replace(self._shown, url=url)
            if self._source is None:
                self._connect(url)
            self._take(url)
        except VainError as error:
            self._shown = replace(self._shown, trouble=_trouble(error, self._shown))

    def _connect(self, url: str) -> None:
        client = Client(url)
        try:
            self._source = RemoteSource(client)
        except BaseException:
            client.close()
            raise
        self._cursor, self._newest_at, self._sampled_at = 0, None, time.monotonic()
        self._tasks, self._seen_seq = [], None
        self._points = {name: deque(maxlen=POINTS) for name in SERIES}

    def _disconnect(self) -> None:
        if self._source is not None:
            self._source.close()
            self._source.client.close()
            self._source = None

    def _take(self, url: str) -> None:
        source = self._source
        if source is None:
            return
        if source.latest() is not self._sample:
            self._sample, self._sampled_at = source.latest(), time.monotonic()
        waited = time.monotonic() - self._sampled_at
        if waited > max(LOST_SECONDS, LOST_PERIODS * source.period_seconds):
            self._disconnect()
            raise Unreachable(f"Nothing came from {url} for {waited:.0f} s.")
        self._take_points(source)
        # Counted on from the server's clock: the two need not agree.
        now = time.time() if self._sample is None else unix(self._sample.timestamp) + waited
        shown, more = rows(self._tasks_now(source, now), now)
        known = meters(self._sample, {name: list(points) for name, points in self._points.items()})
        self._shown = Shown(url, time.strftime("%H:%M:%S"), source.host, shown, more, known)

    def _tasks_now(self, source: RemoteSource, now: float) -> list[Task]:
        """What runs and what ended lately, read again only when something has changed."""
        if source.seq != self._seen_seq:
            seen = source.seq
            since = utc(now - LATELY_SECONDS)
            ended = source.client.tasks(completed_after=since, sort="-completed_at", limit=MOST_ENDED)
            self._tasks, self._seen_seq = source.client.tasks("in-progress") + ended, seen
        return self._tasks

    def _take_points(self, source: RemoteSource) -> None:
        columns = source.columns(self._cursor)
        if not columns.t or columns.cursor == self._cursor:
            return
        known = {name: values for name, values in columns.values.items() if name in self._points}
        fresh = gapped(columns._replace(values=known), source.period_seconds, self._newest_at)
        self._cursor, self._newest_at = columns.cursor, columns.t[-1]
        for name in known:
            self._points[name].extend(fresh[name])

    def _renew(self) -> None:
        """Publish what has changed, once there is something that an update can replace."""
        if self._told is None:
            return
        text = html(self._shown)
        if text != self._told:
            self._told = text
            self._publish({"text/html": text, "text/plain": plain(self._shown)}, self._display_id, update=True)

    def _publish(self, data: Mapping[str, str], display_id: str, update: bool = False) -> None:
        self._publisher.publish(data, transient={"display_id": display_id}, update=update)

    def _pause_seconds(self) -> float:
        if self._source is None:
            return RETRY_SECONDS
        idle = self._idle_seconds()
        return next(pause for until, pause in PACES if idle < until)


def _trouble(error: VainError, shown: Shown) -> Trouble:
    """What helps, in the words of who sits before a notebook."""
    if isinstance(error, Unauthenticated | Forbidden):
        return Trouble(f"{error.detail} This notebook takes its key from", "VAIN_API_KEY")
    if not isinstance(error, Unreachable):
        return Trouble(error.detail)
    found = f"No news from {shown.url} since {shown.at}." if shown.at else f"No vAIn server answers at {shown.url}."
    return Trouble(f"{found} Started in a terminal, it goes on here by itself:", "vain serve")
