"""Reports as an agent sends them, of a machine that is made up: no process, no clock of its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from vain.clock import utc
from vain.hosts import HostReport, HostSample
from vain.quality import Span
from vain.samples import Cpu, Memory, Sample

T0 = 1_800_000_000.0
AGENT = "a" * 32


def sample(second: float, cpu: float | None = 10.0, host: str = "gpu-3") -> Sample:
    """A look at the machine at ``T0`` and so many seconds."""
    return Sample(
        cpu_usage=cpu,
        memory_usage=40.0,
        disk_usage=50.0,
        uptime=1_000.0 + second,
        timestamp=utc(T0 + second),
        host=host,
        period_seconds=1.0,
        cpu=Cpu(percent=cpu, cores_logical=4),
        memory=Memory(percent=40.0, total_bytes=8 << 30),
    )


def seen(second: float, cpu: float | None = 10.0, spans: Sequence[Span] = (), is_first: bool = False) -> HostSample:
    return HostSample(sample(second, cpu), list(spans), is_first=is_first)


def report(session: str | None = None, first: int = 1, samples: Iterable[HostSample] = (), **more: Any) -> HostReport:
    known: dict[str, Any] = {"agent": AGENT, "version": "0.1.0", "period_seconds": 1.0, "sent_at": T0} | more
    return HostReport(session=session, first=first, samples=list(samples), **known)
