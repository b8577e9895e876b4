"""On which track of the timeline it is shaded that a rule fired, and from when to when."""

from __future__ import annotations

import pytest

from tests.views.made_machines import sample
from vain.alerting.alert import PastFiring
from vain.views.fired import shaded, track_of
from vain.views.tracks import plans

TRACKS = plans(sample(1_800_000_000.0))
NAMES = [plan.name for plan in TRACKS]


@pytest.mark.parametrize(
    ("metric", "name"),
    [
        ("cpu.percent", "cpu"),
        ("cpu.core.percent:3", "cpu"),
        ("load.1m", "cpu"),
        ("memory.percent", "memory"),
        ("swap.percent", "memory"),
        ("disk.percent:/home", "disk"),
        ("disk.read_bytes_per_second", "disk"),
        ("network.interface.sent_bytes_per_second:eth0", "network"),
        ("pressure.io_full_percent", "pressure"),
    ],
)
def test_it_is_shaded_where_its_kind_is_drawn(metric: str, name: str) -> None:
    place = track_of(metric, TRACKS)
    assert place is not None and NAMES[place] == name


@pytest.mark.parametrize("metric", [None, "sensor.temperature_celsius:cpu", "tasks.pending", "gpu.percent:0"])
def test_what_has_no_track_is_marked_above_the_lanes(metric: str | None) -> None:
    assert track_of(metric, TRACKS) is None


def test_times_are_unix_seconds_and_a_level_that_is_not_known_is_a_warning() -> None:
    fired = PastFiring("busy", "CPU is busy", None, "cpu.percent", None, "2027-01-15T08:00:00.500Z", None, None, 3)
    assert shaded([fired], TRACKS) == [
        {"since": 1_800_000_000.5, "until": None, "level": "warning", "title": "CPU is busy", "track": 0}
    ]
