"""Memory and swap of the whole machine."""

from __future__ import annotations

from vain.sampler.machine import Machine
from vain.sampler.percent import percent
from vain.samples import Memory


def read_memory(machine: Machine) -> Memory:
    """``used`` is total less available, on every system: the kernels' own "used" means something else on each.

    ZFS keeps its cache outside of "available", so that it counts as used. Without swap there is no ``swap_percent``.
    """
    levels = machine.memory()
    used = _difference(levels.total, levels.available)
    swap_used = _difference(levels.swap_total, levels.swap_free)
    return Memory(
        total_bytes=levels.total,
        available_bytes=levels.available,
        used_bytes=used,
        percent=percent(used, levels.total),
        swap_total_bytes=levels.swap_total,
        swap_used_bytes=swap_used,
        swap_percent=percent(swap_used, levels.swap_total),
    )


def _difference(total: int | None, free: int | None) -> int | None:
    """Never below 0: some containers are told the total of one scope and the free of another."""
    return None if total is None or free is None else max(0, total - free)
