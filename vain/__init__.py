"""vAIn watches one machine and the tasks that run on it.

``import vain`` is quick and loads nothing but the standard library; what needs more is loaded when first asked for.

>>> import vain
>>> with vain.task("train") as t:                # VAIN_URL, VAIN_API_KEY
...     t.update(3, total=10)
>>> for row in vain.track(rows, "clean rows"): ...
>>> client = vain.Client()
>>> client.create("nightly backup", priority="high")
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vain.alerting.rule import Rule
    from vain.async_client import AsyncClient
    from vain.client import Client
    from vain.happened import ChartsChange, Snapshot, TaskChange
    from vain.magics import load_ipython_extension, unload_ipython_extension
    from vain.notification import Notification
    from vain.remote import RemoteSource
    from vain.report.attached import attach
    from vain.report.handle import current, task
    from vain.report.logs import LogHandler
    from vain.report.loop import track
    from vain.samples import Sample
    from vain.types import Task

__version__ = "0.1.0"

__all__ = [
    "AsyncClient",
    "ChartsChange",
    "Client",
    "LogHandler",
    "Notification",
    "RemoteSource",
    "Rule",
    "Sample",
    "Snapshot",
    "Task",
    "TaskChange",
    "__version__",
    "attach",
    "current",
    "load_ipython_extension",
    "task",
    "track",
    "unload_ipython_extension",
]

_HOMES = {
    "AsyncClient": "vain.async_client",
    "ChartsChange": "vain.happened",
    "Client": "vain.client",
    "LogHandler": "vain.report.logs",
    "Notification": "vain.notification",
    "RemoteSource": "vain.remote",
    "Rule": "vain.alerting.rule",
    "Sample": "vain.samples",
    "Snapshot": "vain.happened",
    "Task": "vain.types",
    "TaskChange": "vain.happened",
    "attach": "vain.report.attached",
    "current": "vain.report.handle",
    "load_ipython_extension": "vain.magics",
    "task": "vain.report.handle",
    "track": "vain.report.loop",
    "unload_ipython_extension": "vain.magics",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'vain' has no attribute {name!r}")
    value: object = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
