from __future__ import annotations

from typing import Any

from vain.sampler.sensors import SensorReader
from vain.samples import Sensor


def test_sensors_are_asked_every_ten_seconds_and_remembered_between(machine: Any, dial: Any) -> None:
    asked = []

    def temperatures() -> list[Sensor]:
        asked.append(dial.seconds)
        return [Sensor("cpu", 40.0 + len(asked))]

    machine.temperatures_of = temperatures
    reader = SensorReader(machine, dial)
    for _ in range(20):
        latest = reader.read()
        dial.seconds += 1
    assert len(asked) == 2 and latest == [Sensor("cpu", 42.0)]
