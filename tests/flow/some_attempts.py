"""Attempts for the tests of the flow: at 2026-11-23, told in hours from noon."""

from __future__ import annotations

from itertools import count
from typing import Any

import numpy as np

from vain.bands import MetricWindow
from vain.clock import unix
from vain.flow.attempts import Attempt, Attempts, attempts_of

NOON = unix("2026-11-23T12:00:00.000Z")
NO_METRICS = MetricWindow(np.zeros(0), {}, "raw", 1.0)
_NUMBERS = count(1)


def at(hours: float) -> float:
    """Unix seconds."""
    return round(NOON + hours * 3600, 3)


def attempt(
    arrived: float,
    started: float | None = None,
    completed: float | None = None,
    removed: float | None = None,
    task_id: int | None = None,
    **fields: Any,
) -> Attempt:
    """Times in Unix seconds; what is completed has succeeded unless another outcome is given."""
    arrived_ms, started_ms, completed_ms, removed_ms = (
        None if time is None else round(time * 1000) for time in (arrived, started, completed, removed)
    )
    outcome = fields.pop("outcome", None if completed is None else "succeeded")
    known = {"attempt": 1, "name": "x", **fields}
    assert arrived_ms is not None
    return Attempt(
        task_id or next(_NUMBERS),
        arrived_ms=arrived_ms,
        started_ms=started_ms,
        completed_ms=completed_ms,
        removed_ms=removed_ms,
        outcome=outcome,
        **known,
    )


def done(outcome: str, completed: float, started: float | None = None, arrived: float = NOON - 3600) -> Attempt:
    return attempt(arrived, started, completed, outcome=outcome)


def pending(arrived: float = NOON) -> Attempt:
    return attempt(arrived)


def running(started: float = NOON, **fields: Any) -> Attempt:
    return attempt(min(NOON, started), started, **fields)


def columns(*attempts: Attempt) -> Attempts:
    return attempts_of(attempts)
