"""Temperatures, where there are sensors."""

from __future__ import annotations

from vain.clock import Clock
from vain.sampler.machine import Machine
from vain.samples import Sensor

INTERVAL_SECONDS = 10.0
"""Temperatures move slowly, and some chips take milliseconds to answer."""


class SensorReader:
    """Keeps the last temperatures."""

    def __init__(self, machine: Machine, monotonic: Clock) -> None:
        self._machine = machine
        self._monotonic = monotonic
        self._next_at = monotonic()
        self._latest: list[Sensor] = []

    def read(self) -> list[Sensor]:
        """At most ``INTERVAL_SECONDS`` old."""
        now = self._monotonic()
        if now >= self._next_at:
            self._next_at = now + INTERVAL_SECONDS
            self._latest = self._machine.temperatures()
        return self._latest
