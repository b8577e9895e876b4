"""The benchmarks of what trees cost: that their programs do what they say, and that both methods see real processes."""

from __future__ import annotations

import shutil
import sys
import time

import pytest

from benchmarks import attribution, watching
from benchmarks.attribution import Figures, Measured
from benchmarks.attribution_programs import BUILD_PREFIX, PROGRAMS

TINY_CROWD = watching.Scale(rounds=1, looks=1, ticks=1, period_seconds=0.1, tasks=2, processes=10, of_tasks=6)
linux = pytest.mark.skipif(sys.platform != "linux", reason="a reaper of all processes is Linux's")


def test_every_program_has_a_title() -> None:
    assert attribution.TITLES.keys() == PROGRAMS.keys()


def test_an_error_is_in_percent_of_what_the_kernel_says() -> None:
    kernel = Figures(10.0, 0, 0)
    seen = Figures(9.9, 0, 0), Figures(9.5, 0, 0), Figures(11.0, 0, 0)
    row = attribution._cpu_row("x", Measured(kernel, *seen))
    assert row == ["x", "10.00", "9.90", "−1.0 %", "9.50", "−5.0 %", "11.00", "+10.0 %"]


@linux
@pytest.mark.slow
@pytest.mark.parametrize("name", ["busy", "storm", "orphan", "pool"])
def test_a_program_uses_about_what_it_is_given_and_vain_sees_it(name: str) -> None:
    measured = attribution.measured_program(name, attribution.Scale(seconds=1.5, period_seconds=0.1))
    assert 1.4 < measured.kernel.cpu_seconds < 3
    assert measured.vain.cpu_seconds == pytest.approx(measured.kernel.cpu_seconds, rel=0.3)
    assert measured.task.cpu_seconds == pytest.approx(measured.kernel.cpu_seconds, rel=0.2)
    assert measured.vain.cpu_seconds <= measured.task.cpu_seconds < measured.kernel.cpu_seconds + 0.1


@linux
@pytest.mark.slow
def test_polling_misses_what_is_short() -> None:
    measured = attribution.measured_program("storm", attribution.Scale(seconds=1.5, period_seconds=0.2))
    assert measured.polled.cpu_seconds < 0.5 * measured.kernel.cpu_seconds


@linux
@pytest.mark.slow
def test_a_program_that_fails_is_no_measurement() -> None:
    with pytest.raises(RuntimeError, match="nonsense"):
        attribution.measured_program("nonsense", attribution.Scale(seconds=0.1, period_seconds=0.05))


@linux
@pytest.mark.slow
@pytest.mark.skipif(shutil.which("make") is None or shutil.which("cc") is None, reason="needs make and a compiler")
def test_the_build_leaves_nothing_behind() -> None:
    measured = attribution.measured_program("build", attribution.Scale(seconds=0.5, period_seconds=0.1))
    assert measured.kernel.cpu_seconds > 0.1
    assert not list(attribution.ROOT.glob(f"{BUILD_PREFIX}*"))


@linux
@pytest.mark.slow
def test_the_crowd_is_as_large_as_asked_and_goes_away() -> None:
    with watching.crowd(TINY_CROWD, TINY_CROWD.of_tasks) as pids:
        assert len(pids) == 2 and watching._polled(pids) == 6
    time.sleep(0.1)
    with pytest.raises(watching.psutil.NoSuchProcess):
        watching._polled(pids)


@linux
@pytest.mark.slow
def test_the_section_of_watching_has_its_targets() -> None:
    section = watching.measure(TINY_CROWD)
    assert [len(table.rows) for table in section.tables] == [2] and len(section.targets) == 3
