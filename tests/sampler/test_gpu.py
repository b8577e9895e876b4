"""GPUs, with a driver that a test has in its hand: the library is not ours, and few machines have one."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pynvml
import pytest

from tests.sampler.conftest import Dial, TurnableMachine
from vain.catalog import metric_of
from vain.sampler import Sampler
from vain.sampler.gpu import RETRY_SECONDS, GpuReader
from vain.sampler.trees.linux import GpuUse
from vain.samples import Gpu, labels, series
from vain.types import TaskCounts

GIB = 1 << 30


class Driver:
    """Answers by the names of the library's functions; what a test puts into ``failing`` raises instead."""

    NVMLError = pynvml.NVMLError
    NVML_ERROR_GPU_IS_LOST = pynvml.NVML_ERROR_GPU_IS_LOST
    NVML_ERROR_UNINITIALIZED = pynvml.NVML_ERROR_UNINITIALIZED
    NVML_ERROR_DRIVER_NOT_LOADED = pynvml.NVML_ERROR_DRIVER_NOT_LOADED

    def __init__(self, gpus: int = 1) -> None:
        self.failing: dict[str, int] = {}
        self.asked: list[str] = []
        self.processes = [SimpleNamespace(pid=50, usedGpuMemory=2 * GIB)]
        self.samples = [
            SimpleNamespace(pid=50, timeStamp=7, smUtil=20),
            SimpleNamespace(pid=50, timeStamp=9, smUtil=60),
        ]
        self._answers: dict[str, Callable[..., Any]] = {
            "nvmlInit": lambda: None,
            "nvmlShutdown": lambda: None,
            "nvmlDeviceGetCount": lambda: gpus,
            "nvmlDeviceGetHandleByIndex": lambda index: f"handle {index}",
            "nvmlDeviceGetName": lambda handle: "Some Card",
            "nvmlDeviceGetUtilizationRates": lambda handle: SimpleNamespace(gpu=75, memory=3),
            "nvmlDeviceGetMemoryInfo": lambda handle: SimpleNamespace(used=3 * GIB, total=80 * GIB),
            "nvmlDeviceGetTemperature": lambda handle, sensor: 61,
            "nvmlDeviceGetPowerUsage": lambda handle: 250_500,
            "nvmlDeviceGetComputeRunningProcesses": lambda handle: self.processes,
            "nvmlDeviceGetGraphicsRunningProcesses": lambda handle: [],
            "nvmlDeviceGetProcessUtilization": lambda handle, since: [s for s in self.samples if s.timeStamp > since],
        }

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def answer(*arguments: object) -> object:
            self.asked.append(name)
            if name in self.failing:
                raise pynvml.NVMLError(self.failing[name])
            return self._answers[name](*arguments)

        if name not in self._answers:
            raise AttributeError(name)
        return answer


@pytest.fixture
def root(put: Callable[[str, str], Path]) -> Path:
    put("proc/50/stat", "")
    return put("dev/nvidiactl", "")


def reader(root: Path, driver: Any, dial: Dial | None = None) -> GpuReader:
    return GpuReader(dial or Dial(), root, lambda: driver)


def test_a_gpu_tells_its_use_memory_temperature_and_power(root: Path) -> None:
    first, second = reader(root, Driver(gpus=2)).read()
    assert first == Gpu(0, "Some Card", 75.0, 3 * GIB, 80 * GIB, 61.0, 250.5)
    assert second.index == 1


def test_what_a_gpu_does_not_tell_is_unknown(root: Path) -> None:
    driver = Driver()
    driver.failing = dict.fromkeys(
        ("nvmlDeviceGetUtilizationRates", "nvmlDeviceGetPowerUsage", "nvmlDeviceGetName"),
        pynvml.NVML_ERROR_NOT_SUPPORTED,
    )
    (gpu,) = reader(root, driver).read()
    assert (gpu.name, gpu.percent, gpu.power_watts, gpu.temperature_celsius) == ("GPU", None, None, 61.0)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the library is asked")
def test_without_a_driver_the_library_is_not_even_loaded(tmp_path: Path) -> None:
    def load() -> Any:
        raise AssertionError

    without = GpuReader(Dial(), tmp_path, load)
    assert without.read() == [] and without.processes() is None


@pytest.mark.parametrize("error", [ImportError(), OSError()])
def test_a_library_that_cannot_be_loaded_is_no_gpu(root: Path, error: Exception) -> None:
    def load() -> Any:
        raise error

    assert GpuReader(Dial(), root, load).read() == []


def test_a_driver_that_comes_later_is_found_and_not_asked_for_each_second(root: Path) -> None:
    driver, dial = Driver(), Dial()
    driver.failing = {"nvmlInit": pynvml.NVML_ERROR_DRIVER_NOT_LOADED}
    gpus = reader(root, driver, dial)
    assert gpus.read() == [] == gpus.read()
    assert driver.asked == ["nvmlInit"]
    driver.failing = {}
    dial.seconds += RETRY_SECONDS
    assert len(gpus.read()) == 1


def test_a_device_that_is_lost_is_opened_anew_after_a_while(root: Path) -> None:
    driver, dial = Driver(), Dial()
    gpus = reader(root, driver, dial)
    assert len(gpus.read()) == 1
    driver.failing = {"nvmlDeviceGetUtilizationRates": pynvml.NVML_ERROR_GPU_IS_LOST}
    (lost,) = gpus.read()
    assert (lost.percent, lost.temperature_celsius) == (None, None) and gpus.read() == []
    driver.failing = {}
    dial.seconds += RETRY_SECONDS
    assert gpus.read()[0].percent == 75.0


def test_a_process_has_the_memory_of_all_gpus_and_its_newest_use(root: Path) -> None:
    assert reader(root, Driver(gpus=2)).processes() == {50: GpuUse(4 * GIB, 120.0)}


def test_a_use_that_was_told_counts_once(root: Path) -> None:
    gpus = reader(root, Driver())
    gpus.processes()
    assert gpus.processes() == {50: GpuUse(2 * GIB, None)}


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_numbers_of_processes_outside_of_the_container_tell_nothing(root: Path) -> None:
    driver = Driver()
    driver.processes.append(SimpleNamespace(pid=51, usedGpuMemory=GIB))
    assert reader(root, driver).processes() is None


def test_memory_of_a_process_that_is_not_told_is_not_0(root: Path) -> None:
    driver = Driver()
    driver.processes[0].usedGpuMemory = None
    assert reader(root, driver).processes() is None


def test_the_driver_is_let_go_of_once(root: Path) -> None:
    driver = Driver()
    gpus = reader(root, driver)
    gpus.read()
    gpus.close()
    gpus.close()
    assert driver.asked.count("nvmlShutdown") == 1


def test_a_sample_has_the_gpus_as_series_that_the_catalogue_knows(
    root: Path, machine: TurnableMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", Driver())  # type: ignore[arg-type]
    sampler = Sampler(machine=machine, root=root)
    sample = sampler.read(TaskCounts())
    sampler.close()
    values = {name: value for name, value in series(sample) if name.startswith("gpu.")}
    assert values == {"gpu.percent:0": 75.0, "gpu.memory_used_bytes:0": 3 * GIB, "gpu.temperature_celsius:0": 61.0}
    for name in values:
        assert metric_of(name) is not None
        assert labels(sample)[name] == {"gpu": "0", "name": "Some Card"}
