from __future__ import annotations

from typing import Any

from vain.sampler.own import OwnReader


def test_own_cpu_is_of_one_core_over_the_real_period(machine: Any, dial: Any) -> None:
    reader = OwnReader(machine, dial)
    reader.read(None)
    dial.seconds += 3.0
    assert reader.read(2.0).cpu_percent == 150.0


def test_first_own_cpu_is_unknown(machine: Any, dial: Any) -> None:
    own = OwnReader(machine, dial).read(None)
    assert (own.cpu_percent, own.memory_bytes, own.threads) == (None, 4096, 3)
