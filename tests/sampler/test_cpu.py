from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from vain.sampler.cpu import CpuReader
from vain.sampler.machine import CpuCounters, CpuTimes

START = CpuTimes(user=1000, system=1000, idle=1000, iowait=1000, steal=0)


def turned(**ticks: float) -> CpuTimes:
    return START._replace(**{name: getattr(START, name) + value for name, value in ticks.items()})


def counters(*cores: CpuTimes | None, total: CpuTimes = START) -> CpuCounters:
    return CpuCounters(total, {number: core for number, core in enumerate(cores) if core})


def test_first_shares_are_unknown_not_0(machine: Any) -> None:
    cpu = CpuReader(machine).read(compares=False)
    assert (cpu.percent, cpu.core_percent, cpu.cores_logical) == (None, [None, None], 2)


def test_shares_are_of_the_time_since_the_last_look(machine: Any) -> None:
    reader = CpuReader(machine)
    machine.cpu_now = counters(START)
    reader.read(compares=False)
    machine.cpu_now = counters(turned(user=50, idle=50), total=turned(user=20, system=10, idle=60, iowait=10))
    cpu = reader.read(compares=True)
    assert (cpu.percent, cpu.user_percent, cpu.system_percent, cpu.iowait_percent) == (30.0, 20.0, 10.0, 10.0)
    assert cpu.core_percent == [50.0]


def test_iowait_that_goes_backwards_counts_as_nothing(machine: Any) -> None:
    reader = CpuReader(machine)
    machine.cpu_now = counters(START)
    reader.read(compares=False)
    machine.cpu_now = counters(turned(user=50, idle=50, iowait=-20), total=turned(user=50, idle=50, iowait=-20))
    cpu = reader.read(compares=True)
    assert (cpu.percent, cpu.iowait_percent, cpu.core_percent) == (50.0, 0.0, [50.0])


def test_core_that_fell_back_far_is_unknown_and_starts_anew(machine: Any) -> None:
    reader = CpuReader(machine)
    machine.cpu_now = counters(START, START)
    reader.read(compares=False)
    machine.cpu_now = counters(turned(idle=100), turned(user=-990, idle=-990))
    assert reader.read(compares=True).core_percent == [0.0, None]
    machine.cpu_now = counters(turned(idle=200), turned(user=-890, idle=-990))
    assert reader.read(compares=True).core_percent == [0.0, 100.0]


def test_offline_core_is_unknown_and_keeps_its_place(machine: Any) -> None:
    reader = CpuReader(machine)
    machine.cpu_now = counters(START, None, START)
    reader.read(compares=False)
    machine.cpu_now = counters(turned(idle=100), None, turned(user=100))
    assert reader.read(compares=True).core_percent == [0.0, None, 100.0]


def test_no_core_is_compared_when_one_came_or_went(machine: Any) -> None:
    reader = CpuReader(machine)
    machine.cpu_now = counters(START, START)
    reader.read(compares=False)
    machine.cpu_now = counters(turned(idle=100))
    assert reader.read(compares=True).core_percent == [None]


def test_two_looks_within_one_tick_are_unknown(machine: Any) -> None:
    reader = CpuReader(machine)
    reader.read(compares=False)
    assert reader.read(compares=True).percent is None


def test_system_without_iowait_says_nothing_of_it(machine: Any) -> None:
    reader = CpuReader(machine)
    machine.cpu_now = CpuCounters(CpuTimes(0, 0, 0, None, None), {})
    reader.read(compares=False)
    machine.cpu_now = CpuCounters(CpuTimes(30, 0, 70, None, None), {})
    cpu = reader.read(compares=True)
    assert (cpu.percent, cpu.iowait_percent, cpu.steal_percent) == (30.0, None, None)


def test_machine_that_tells_nothing_is_unknown(machine: Any) -> None:
    machine.cpu_now = None
    cpu = CpuReader(machine).read(compares=True)
    assert (cpu.percent, cpu.core_percent, cpu.cores_logical, cpu.load_1m) == (None, [], None, None)


Ticks = st.builds(CpuTimes, *[st.integers(0, 10**9)] * 3, *[st.none() | st.integers(0, 10**9)] * 2)


@given(st.lists(Ticks, min_size=2, max_size=5))
def test_no_counters_whatever_lead_out_of_0_to_100(series: list[CpuTimes]) -> None:
    class Machine:
        ticks_per_second = 100.0
        now = CpuCounters(series[0], {0: series[0]})

        def cpu(self) -> CpuCounters:
            return self.now

        def load(self) -> None:
            return None

        def physical_cores(self) -> None:
            return None

    reader = CpuReader(Machine())  # type: ignore[arg-type]
    for times in series:
        Machine.now = CpuCounters(times, {0: times})
        cpu = reader.read(compares=True)
        assert all(share is None or 0 <= share <= 100 for share in (cpu.percent, *cpu.core_percent))
