from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from vain.sampler.pressure import PressureReader
from vain.samples import Pressure

FILE = "some avg10={} avg60=9.00 avg300=9.00 total=7174505\nfull avg10={} avg60=9.00 avg300=9.00 total=0\n"


def test_averages_of_the_last_ten_seconds_are_read(put: Callable[[str, str], Path]) -> None:
    put("proc/pressure/cpu", FILE.format(1.56, 0))
    put("proc/pressure/memory", FILE.format(2.5, 0.5))
    reader = PressureReader(put("proc/pressure/io", FILE.format(30, 20)))
    assert reader.read() == Pressure(1.56, 2.5, 0.5, 30.0, 20.0)
    reader.close()


def test_kernel_without_pressure_leaves_it_unknown(tmp_path: Path) -> None:
    assert PressureReader(tmp_path).read() == Pressure(None, None, None, None, None)


def test_old_kernel_without_the_full_line_leaves_that_unknown(put: Callable[[str, str], Path]) -> None:
    reader = PressureReader(put("proc/pressure/io", "some avg10=3.00 avg60=0.00 avg300=0.00 total=1\n"))
    assert (reader.read().io_some_percent, reader.read().io_full_percent) == (3.0, None)
    reader.close()
