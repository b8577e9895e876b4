"""vAIn watches one machine and the tasks that run on it.

``import vain`` is quick and loads nothing but the standard library; what needs more is loaded when first asked for.

>>> import vain
>>> client = vain.Client()                       # VAIN_URL, VAIN_API_KEY
>>> client.create("nightly backup", priority="high")
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vain.client import Client
    from vain.remote import RemoteSource
    from vain.types import Notification, Task

__version__ = "0.1.0"

__all__ = ["Client", "Notification", "RemoteSource", "Task", "__version__"]

_HOMES = {"Client": "vain.client", "RemoteSource": "vain.remote", "Task": "vain.types", "Notification": "vain.types"}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'vain' has no attribute {name!r}")
    value: object = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
