"""GPUs by NVIDIA's management library. The only place that knows it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from vain.clock import Clock
from vain.sampler.trees.linux import GpuUse
from vain.samples import Gpu

RETRY_SECONDS = 300.0
"""After so long a driver that was not there, or that lost a device, is asked again."""
DRIVER_FILES = ("dev/nvidiactl", "dev/dxg")
"""One of them is there if Linux (or Linux within Windows) has a driver; to look for them is cheaper than to ask."""

CORE_SENSOR = 0
"""``NVML_TEMPERATURE_GPU``, the only one that there is."""
_FAILED: Any = object()


class _Device(NamedTuple):
    number: int
    handle: Any  # The library's own.
    name: str


class GpuReader:
    """Never raises. ``load`` gives the library (or raises ImportError); it and ``root`` are for tests."""

    def __init__(
        self,
        monotonic: Clock = time.monotonic,
        root: Path = Path("/"),
        load: Callable[[], ModuleType] | None = None,
    ) -> None:
        self._monotonic, self._root, self._load = monotonic, root, load or _library
        self._library: ModuleType | None = None
        self._devices: list[_Device] = []
        self._try_again_at = monotonic()
        self._newest: dict[int, int] = {}

    def read(self) -> list[Gpu]:
        """All GPUs."""
        return [self._gpu(device) for device in self._known()]

    def processes(self) -> Mapping[int, GpuUse] | None:
        """What each process has on all GPUs, by its number; None if nothing is told of processes that are ours."""
        uses: dict[int, GpuUse] = {}
        for device in self._known():
            percents = self._percents(device)
            for pid, memory_bytes in self._memory(device).items():
                before = uses.get(pid, GpuUse(0, None))
                uses[pid] = GpuUse(before.memory_bytes + memory_bytes, _sum(before.percent, percents.get(pid)))
        return uses if uses and all(self._is_ours(pid) for pid in uses) else None

    def close(self) -> None:
        """Let go of the driver."""
        if self._library is not None:
            self._ask("nvmlShutdown")
        self._library, self._devices = None, []

    def _known(self) -> list[_Device]:
        if self._library is None and self._monotonic() >= self._try_again_at:
            self._try_again_at = self._monotonic() + RETRY_SECONDS
            self._open()
        return self._devices

    def _open(self) -> None:
        if sys.platform == "linux" and not any((self._root / name).exists() for name in DRIVER_FILES):
            return
        try:
            self._library = self._load()
        except (ImportError, OSError):
            return
        count = None if self._ask("nvmlInit") is _FAILED else self._ask("nvmlDeviceGetCount")
        if not isinstance(count, int):
            self._library = None
            return
        handles = [(index, self._ask("nvmlDeviceGetHandleByIndex", index)) for index in range(count)]
        self._devices = [
            _Device(index, handle, _text(self._ask("nvmlDeviceGetName", handle)))
            for index, handle in handles
            if handle is not _FAILED
        ]

    def _gpu(self, device: _Device) -> Gpu:
        handle = device.handle
        rates, memory = self._ask("nvmlDeviceGetUtilizationRates", handle), self._ask("nvmlDeviceGetMemoryInfo", handle)
        milliwatts = _number(self._ask("nvmlDeviceGetPowerUsage", handle))
        return Gpu(
            index=device.number,
            name=device.name,
            percent=_number(rates, "gpu"),
            memory_used_bytes=_whole(memory, "used"),
            memory_total_bytes=_whole(memory, "total"),
            temperature_celsius=_number(self._ask("nvmlDeviceGetTemperature", handle, CORE_SENSOR)),
            power_watts=None if milliwatts is None else milliwatts / 1000,
        )

    def _is_ours(self, pid: int) -> bool:
        """In a container the driver may give the numbers of the host, which mean others here."""
        return sys.platform != "linux" or (self._root / "proc" / str(pid)).exists()

    def _memory(self, device: _Device) -> dict[int, int]:
        """A process that computes and draws is in both lists, with the same figure; Windows gives none."""
        found: dict[int, int] = {}
        for name in ("nvmlDeviceGetComputeRunningProcesses", "nvmlDeviceGetGraphicsRunningProcesses"):
            processes = self._ask(name, device.handle)
            if processes is not _FAILED:
                known = ((int(process.pid), _whole(process, "usedGpuMemory")) for process in processes)
                found |= {pid: memory_bytes for pid, memory_bytes in known if memory_bytes is not None}
        return found

    def _percents(self, device: _Device) -> dict[int, float]:
        """The driver keeps samples of the last seconds; the newest of each process counts."""
        samples = self._ask("nvmlDeviceGetProcessUtilization", device.handle, self._newest.get(device.number, 0))
        if samples is _FAILED:
            return {}
        in_order = sorted(samples, key=lambda sample: int(sample.timeStamp))
        if in_order:
            self._newest[device.number] = int(in_order[-1].timeStamp)
        return {int(sample.pid): float(sample.smUtil) for sample in in_order}

    def _ask(self, name: str, *arguments: object) -> Any:
        """An answer of the library, or ``_FAILED``; if the device or the driver is gone, all is opened anew later."""
        library = self._library
        if library is None:
            return _FAILED
        try:
            return getattr(library, name)(*arguments)
        except (library.NVMLError, AttributeError) as error:
            if getattr(error, "value", None) in _gone(library):
                self._library, self._devices = None, []
                self._try_again_at = self._monotonic() + RETRY_SECONDS
            return _FAILED


def _library() -> ModuleType:
    # Only where there is a driver: a tenth of a second that others need not wait for.
    import pynvml  # noqa: PLC0415

    module: ModuleType = pynvml
    return module


def _gone(library: ModuleType) -> tuple[int, ...]:
    return library.NVML_ERROR_GPU_IS_LOST, library.NVML_ERROR_UNINITIALIZED, library.NVML_ERROR_DRIVER_NOT_LOADED


def _number(answer: Any, field: str | None = None) -> float | None:
    value = getattr(answer, field, None) if field else answer
    return float(value) if isinstance(value, int | float) else None


def _whole(answer: Any, field: str) -> int | None:
    value = getattr(answer, field, None)
    return value if isinstance(value, int) else None


def _text(answer: Any) -> str:
    return answer if isinstance(answer, str) else "GPU"


def _sum(one: float | None, other: float | None) -> float | None:
    return one if other is None else other if one is None else one + other
