"""A chart of the flow as a table, and the figures above all charts in words: both say exactly what the data say."""

from __future__ import annotations

from typing import Any, Final

from vain import words
from vain.catalog import metric_of
from vain.clock import unix
from vain.flow.figures import Chart, TaskCompletion, Visualizations
from vain.windows import LENGTH_SECONDS

_UNITS: Final = {
    "count": "",
    "percent": "%",
    "seconds": "s",
    "minutes": "min",
    "bytes_per_second": "B/s",
    "bytes": "B",
}
_HEADS: Final = {
    "task_id": "Task",
    "t": "Time",
    "name": "Name",
    "runs": "Runs",
    "success_percent": "Success rate",
    "age_minutes": "Age",
    "cycle_seconds": "Took",
    "outcome": "Outcome",
    "status": "Status",
    "state": "State",
    "tasks": "Tasks",
    "percent": "Chance",
    "mean_seconds": "Mean",
    "total_seconds": "In all",
    "p50_seconds": "Median",
    "p85_seconds": "p85",
    "p95_seconds": "p95",
}
_SECONDS_PER_DAY: Final = 86_400
_SECONDS_PER_HOUR: Final = 3_600


def table(chart: Chart) -> dict[str, Any]:
    """``columns`` (``name``, ``label``, ``unit``, and as ``kind`` time, task, text or number) and all ``rows``."""
    names = list(chart.data)
    columns = [{"name": name, "label": _head(name), "unit": _unit(chart, name), "kind": _kind(name)} for name in names]
    return {"columns": columns, "rows": [list(row) for row in zip(*chart.data.values(), strict=True)]}


def facts(found: Visualizations) -> list[dict[str, Any]]:
    """The key figures: ``label``, ``value`` and ``note``, and where a time is told, ``time``."""
    completion = found.task_completion
    return [
        _fact("Throughput", _throughput(found), f"{completion.ended:,} ended, {completion.arrived:,} arrived"),
        _fact("Median cycle time", words.duration(completion.cycle_time.p50_seconds), "half take no longer"),
        _fact("85 % are done within", words.duration(completion.cycle_time.p85_seconds), "from start to end"),
        _fact("Success rate", words.percent(completion.success_rate_percent), _succeeded(completion)),
        _fact("In progress", f"{completion.in_progress:,}", f"{completion.pending:,} pending"),
        _oldest(found),
        _done(completion),
    ]


def _fact(label: str, value: str, note: str, **more: Any) -> dict[str, Any]:
    return {"label": label, "value": value, "note": note, **more}


def _throughput(found: Visualizations) -> str:
    """How many end in a day; of less than a day in an hour, and of less than an hour just how many ended."""
    rate, length = found.task_completion.throughput_per_interval, LENGTH_SECONDS[found.window.interval]
    seconds = unix(min(found.generated_at, found.window.before)) - unix(found.window.after)
    if rate is None:
        return words.UNKNOWN
    if seconds >= _SECONDS_PER_DAY:
        return f"{words.count(rate * _SECONDS_PER_DAY / length)} a day"
    if seconds >= _SECONDS_PER_HOUR:
        return f"{words.count(rate * _SECONDS_PER_HOUR / length)} an hour"
    return f"{found.task_completion.ended:,}"


def _succeeded(completion: TaskCompletion) -> str:
    ended = completion.succeeded + completion.failed
    return f"{completion.succeeded:,} of {ended:,} tasks, as they stand" if ended else "nothing has ended yet"


def _oldest(found: Visualizations) -> dict[str, Any]:
    data = chart_of(found, "aging").data
    if not data["age_minutes"]:
        return _fact("Oldest in progress", words.UNKNOWN, "nothing is in progress")
    age = data["age_minutes"][0]
    value = words.UNKNOWN if age is None else words.duration(60 * float(age)) if age else "< 1 min"
    return _fact("Oldest in progress", value, str(data["name"][0]), task_id=data["task_id"][0])


def _done(completion: TaskCompletion) -> dict[str, Any]:
    forecast = completion.forecast
    note = forecast.reason or f"85 % sure, for {forecast.items:,} that are open"
    return _fact("All done by", words.UNKNOWN, note, time=forecast.p85)


def chart_of(found: Visualizations, identifier: str) -> Chart:
    """The chart of this name."""
    return next(chart for chart in found.charts if chart.id == identifier)


def series_label(name: str) -> str:
    """What a person calls a column: ``Disk /home``, ``CPU, smallest``."""
    bound, series = (name[:3], name[4:]) if name.startswith(("min:", "max:")) else ("", name)
    metric, instance = metric_of(series), series.partition(":")[2]
    label = " ".join(part for part in (metric.label if metric else series, instance) if part)
    return label + {"min": ", smallest", "max": ", largest"}.get(bound, "")


def _head(name: str) -> str:
    known = _HEADS.get(name)
    return known or (series_label(name) if "." in name else name.replace("_", " ").capitalize())


def _unit(chart: Chart, name: str) -> str:
    series = name[4:] if name.startswith(("min:", "max:")) else name
    unit = next((unit for unit in ("seconds", "percent") if name.endswith(f"_{unit}")), chart.units.get(series, ""))
    return "" if name == "t" else _UNITS.get(unit, unit)


def _kind(name: str) -> str:
    if name in ("t", "task_id"):
        return {"t": "time", "task_id": "task"}[name]
    return "text" if name in ("name", "outcome", "status", "state") else "number"
