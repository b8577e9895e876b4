"""The clocks of the sampler, in seconds; tests have their own."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

import psutil

from vain.clock import Clock


def seconds_since_boot() -> float:
    """With the time asleep. Not from psutil's boot time where the kernel counts itself: that one moves with NTP."""
    boot_clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.time() - psutil.boot_time() if boot_clock is None else time.clock_gettime(boot_clock)


class Clocks(NamedTuple):
    wall: Clock = time.time
    """The time of day, in Unix seconds: only ever shown, never used to measure."""
    monotonic: Clock = time.monotonic
    """For durations. It stands still while the machine sleeps."""
    since_boot: Callable[[], float] = seconds_since_boot
    own_cpu: Clock = time.process_time
    """What this process has used of all cores."""
