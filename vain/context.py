"""What stands beside an alert: who used most when it fired, and that moment on the dashboard."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from urllib.parse import urlencode

from vain.alerting.alert import Fired
from vain.catalog import split_host
from vain.errors import VainError
from vain.explaining import Explaining, Explanation
from vain.firing import Seen
from vain.notification import ProcessPart, TaskPart

logger = logging.getLogger(__name__)

MOST_SHOWN = 5
LONGEST_SECONDS = 5.0
BEFORE_SECONDS, AFTER_SECONDS = 900.0, 300.0
"""What the timeline shows around the stretch."""
LEAST_STRETCH_SECONDS = 60.0


Explain = Callable[[Explaining], Awaitable[Explanation]]
"""``Spikes.explain``, or one that knows other machines too."""


class Context:
    """Asks for what the machine did. Without an answer in time an alert is told without it."""

    def __init__(self, explain: Explain) -> None:
        self._explain = explain

    async def __call__(self, event: Fired) -> Seen:
        """See ``vain.alarms.See``."""
        before = event.since + event.duration_seconds
        after = min(event.since, before - LEAST_STRETCH_SECONDS)
        host, series = split_host(event.subject) if event.rule.metric else (None, "")
        url = moment_url(after, before, host)
        if event.rule.metric is None:
            return Seen(url=url)
        try:
            asked = Explaining(after, before, series, host=host or "")
            found = await asyncio.wait_for(self._explain(asked), LONGEST_SECONDS)
        except (VainError, TimeoutError) as error:
            logger.info("An alert is told without who did it: %s", type(error).__name__)
            return Seen(url=url)
        shares = [TaskPart(each.task_id, each.name, each.share) for each in found.tasks[:MOST_SHOWN]]
        processes = [
            ProcessPart(each.pid, each.name, each.share, each.task_id) for each in found.processes[:MOST_SHOWN]
        ]
        return Seen(shares, processes, url)


def moment_url(after: float, before: float, host: str | None = None) -> str:
    """The timeline (of another ``host``) around a stretch (Unix seconds), with the stretch marked."""
    whose = {} if host is None else {"host": host}
    times = {"after": after - BEFORE_SECONDS, "before": before + AFTER_SECONDS, "from": after, "to": before}
    return f"/?{urlencode({**whose, **{name: f'{t:.0f}' for name, t in times.items()}})}"
