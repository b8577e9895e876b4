"""Three servers that are killed under writers and followers: nothing that was answered is lost, nothing told twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.several.cluster import Cluster
from tests.several.storm import Phase, storm

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

SECONDS, KILLS, RATE = 30.0, 4, 1_200.0


def test_nothing_answered_is_lost_and_every_server_tells_each_event_once(behind_nginx: Cluster, tmp_path: Path) -> None:
    """The long one, with ten kills and figures, is ``python -m benchmarks servers``."""
    phases = [Phase("calm", 5.0, RATE), Phase("kills", SECONDS, RATE, KILLS)]
    outcome = storm(tmp_path, behind_nginx, phases)
    assert (outcome.lost, outcome.gaps, outcome.doubles, outcome.flaws) == (0, 0, 0, []), outcome.text
    calm, kills = outcome.phases
    assert outcome.events > 5_000 and kills.cut > KILLS and kills.written.repeated > 0, outcome.text
    assert len(calm.visible_ms) == 3
    assert all(each.connections > 20 for each in outcome.followed if "steady" not in each.kind), outcome.text
