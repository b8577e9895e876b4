from __future__ import annotations

from typing import Any

from vain.sampler.machine import MemoryLevels
from vain.sampler.memory import read_memory


def test_used_is_total_less_available(machine: Any) -> None:
    memory = read_memory(machine)
    assert (memory.used_bytes, memory.percent, memory.swap_used_bytes, memory.swap_percent) == (750, 75.0, 10, 10.0)


def test_more_available_than_there_is_gives_no_negative_use(machine: Any) -> None:
    machine.memory_now = MemoryLevels(1000, 1200, 0, 0)
    assert read_memory(machine).used_bytes == 0


def test_unknown_level_leaves_what_follows_from_it_unknown(machine: Any) -> None:
    machine.memory_now = MemoryLevels(1000, None, None, None)
    memory = read_memory(machine)
    assert (memory.total_bytes, memory.used_bytes, memory.percent, memory.swap_percent) == (1000, None, None, None)


def test_machine_without_swap_has_no_share_of_it(machine: Any) -> None:
    machine.memory_now = MemoryLevels(1000, 500, 0, 0)
    memory = read_memory(machine)
    assert (memory.swap_total_bytes, memory.swap_percent) == (0, None)
