"""Machines and their history, as a client calls them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal
from urllib.parse import quote

from vain.answers import Imported, MetricHistory, Moment, written
from vain.explaining import Explanation
from vain.hosts import Host, HostsHistory
from vain.samples import Sample
from vain.types import TABLE_TYPES
from vain.wire import Wire

HISTORY, HOSTS = "/performance/history", "/hosts"
DEFAULT_SECONDS = 3_600

TableFormat = Literal["csv", "arrow", "parquet"]


class MachineCalls:
    """The part of ``vain.Client`` that is about the server's machine and those that report to it."""

    _wire: Wire

    def performance(self, host: str | None = None) -> Sample:
        """The newest look at the server's machine, or at another ``host``. Raises NotFound, or Unavailable for one that
        is silent."""
        return self._wire.get(Sample, "/performance", {"host": host})

    def history(
        self,
        after: Moment | None = None,
        before: Moment | None = None,
        metrics: Sequence[str] | None = None,
        points: int | None = None,
        task_id: int | None = None,
        baseline: str | float | None = None,
        host: str | None = None,
    ) -> MetricHistory:
        """The metrics between two moments, of the last hour if nothing says when, or of the time of a task.

        ``metrics`` are names or patterns (``cpu.percent``, ``disk.*``); without it come all. ``points`` is how many
        points are wanted at most: each then stands for ``step`` seconds. ``baseline`` asks for a second window to
        compare with: ``previous`` for the one before (of a task: its run before), or negative seconds (-604800 for the
        same time last week). ``host`` is another machine than the server's (``hosts``).
        """
        asked = _asked(after, before, metrics, points, task_id) | {"baseline": baseline, "host": host}
        return self._wire.get(MetricHistory, HISTORY, asked)

    def explain(
        self,
        after: Moment | None = None,
        before: Moment | None = None,
        metric: str = "cpu.percent",
        baseline_after: Moment | None = None,
        baseline_before: Moment | None = None,
        host: str | None = None,
    ) -> Explanation:
        """What did that? The tasks that ran between two moments by their share of what a metric measures, the busiest
        processes, and what changed against a window before; of the last ten minutes if nothing says when.

        ``metric`` is one of the machine (``memory.used_bytes``, ``disk.written_bytes_per_second``), or
        ``memory.growth_bytes`` for who took more memory than before. ``host`` is another machine than the server's.
        """
        asked = {
            "after": written(after),
            "before": written(before),
            "metric": metric,
            "baseline_after": written(baseline_after),
            "baseline_before": written(baseline_before),
            "host": host,
        }
        return self._wire.get(Explanation, "/performance/explain", asked)

    def history_table(
        self,
        format: TableFormat = "arrow",  # noqa: A002  (what everybody calls it)
        after: Moment | None = None,
        before: Moment | None = None,
        metrics: Sequence[str] | None = None,
        points: int | None = None,
        task_id: int | None = None,
        host: str | None = None,
    ) -> bytes:
        """What ``history`` answers, as the bytes of a CSV file, an Arrow stream or a Parquet file."""
        asked = _asked(after, before, metrics, points, task_id)
        return self._wire.read(HISTORY, asked | {"format": format, "host": host})

    def import_history(self, body: bytes, format: Literal["csv", "parquet"] = "parquet") -> Imported:  # noqa: A002
        """Stores the samples of a CSV or Parquet file: a column ``timestamp``, and one of numbers for each series.

        The file may have ``vain.types.LARGEST_IMPORT_BYTES``. They are on disk when this returns; the same samples
        once more change nothing.
        """
        answer = self._wire.send("POST", HISTORY, body, content_type=TABLE_TYPES[format])
        return self._wire.decoded(Imported, answer)

    def hosts(self) -> list[Host]:
        """The machines that report, and what each does now; the server's own comes first."""
        return self._wire.get(list[Host], HOSTS)

    def host(self, name: str) -> Host:
        """One machine. Raises NotFound."""
        return self._wire.get(Host, f"{HOSTS}/{quote(name, safe='')}")

    def forget_host(self, name: str) -> None:
        """Deletes a machine that is gone, and its history. Raises NotFound."""
        self._wire.send("DELETE", f"{HOSTS}/{quote(name, safe='')}")

    def hosts_history(
        self,
        metric: str = "cpu.percent",
        after: Moment | None = None,
        before: Moment | None = None,
        points: int | None = None,
        top: int | None = None,
    ) -> HostsHistory:
        """One metric of all machines over time: the ``top`` with the largest mean by name, the others together, and
        the percentiles of all; of the last hour if nothing says when."""
        asked = {"metric": metric, "after": written(after), "before": written(before), "points": points, "top": top}
        return self._wire.get(HostsHistory, "/performance/hosts", asked)


def _asked(
    after: Moment | None, before: Moment | None, metrics: Sequence[str] | None, points: int | None, task_id: int | None
) -> dict[str, object]:
    """The parameters of a history; the last hour is asked for when nothing says when."""
    if after is None and before is None and task_id is None:
        after = -DEFAULT_SECONDS
    wanted = ",".join(metrics) if metrics is not None else None
    return {
        "after": written(after),
        "before": written(before),
        "points": points,
        "metrics": wanted,
        "task_id": task_id,
    }
