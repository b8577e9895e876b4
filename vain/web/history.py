"""``/performance/history``: any window of the metrics, as JSON, CSV, Arrow or Parquet; and the import of others'."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Literal

from msgspec import Meta, Raw, Struct, field
from msgspec.structs import replace

from vain import patterns, tables
from vain.bands import Bands, Floats, MetricQuery, MetricWindow
from vain.catalog import mean_decimals, metric_of
from vain.clock import unix
from vain.codec import decode, encode
from vain.errors import Flaw, Malformed
from vain.quality import Cause, Span
from vain.store.metrics.store import MetricStore
from vain.store.metrics.task_series import is_of_task
from vain.types import LARGEST_INTEGER, TABLE_TYPES, Task, TaskId
from vain.web import parameters
from vain.web.declared import Answer, Parameter, operation
from vain.web.http import JSON, Request, Response, whole_number
from vain.web.negotiation import VARIES, chosen
from vain.web.services import Services
from vain.windows import seconds_of

DEFAULT_SECONDS = 600.0
IMPORT_TYPES: Mapping[str, tables.Format] = {TABLE_TYPES["csv"]: "csv", TABLE_TYPES["parquet"]: "parquet"}
FORMATS: Mapping[str, str] = {
    "json": JSON,
    **TABLE_TYPES,
    "csv": f"{TABLE_TYPES['csv']}; charset=utf-8; header=present",
}


class SpanAnswer(Struct, frozen=True, rename={"begin": "from", "end": "to"}):
    """Why values are missing or doubtful between two moments (Unix seconds); ``series`` is null for all of them."""

    cause: Cause
    begin: float
    end: float
    series: str | None


class BandsAnswer(Struct, frozen=True):
    """One series: for each time the mean, the least and the largest value; None where nothing is known."""

    mean: list[float | None]
    min: list[float | None]
    max: list[float | None]


class WindowAnswer(Struct, frozen=True):
    """A window. ``t`` in Unix seconds, ``step`` in seconds; ``tier`` is the resolution that it was read from."""

    after: float
    before: float
    t: list[float]
    series: dict[str, BandsAnswer]
    tier: str
    step: float
    quality: list[SpanAnswer]


class HistoryAnswer(WindowAnswer, frozen=True):
    """The window that was asked for, in ``labels`` what is known of its series, in ``baseline`` the window that it is
    compared with, and in ``extent`` when the oldest and the newest sample of all were taken."""

    labels: dict[str, Raw]
    baseline: WindowAnswer | None = None
    extent: tuple[float, float] | None = None


class ImportAnswer(Struct, frozen=True):
    """How many rows and series a body had."""

    rows: int
    series: int


class _Asked(Struct, frozen=True):
    query: MetricQuery
    baseline: MetricQuery | None
    format: str = field(default="json")


@operation(
    "showHistory",
    Answer(200, "The window.", HistoryAnswer, media=tuple(media for name, media in FORMATS.items() if name != "json")),
    tag="performance",
    parameters=(
        *parameters.WINDOW,
        Parameter("points", Annotated[int, Meta(ge=1, le=LARGEST_INTEGER)], "How many points are wanted at most."),
        Parameter("metrics", str, "Names of metrics or series, or patterns such as `cpu.*`, with commas between."),
        Parameter("task_id", TaskId, "The time of this task on its machine, and its own series."),
        parameters.HOST,
        Parameter("baseline", str, "`previous`, or negative seconds: the window that it is compared with."),
        Parameter("format", Literal["json", "csv", "arrow", "parquet"], "Goes before the `Accept` header.", "json"),
    ),
    refuses=(404, 406, 422),
)
async def show(services: Services, request: Request) -> Response:
    """The metrics of a window."""
    asked = await _asked(services, request)
    past = await services.machines.past_of(asked.query.host)
    window = await services.machines.window(asked.query)
    if asked.format == "json":
        baseline = None if asked.baseline is None else _alike(asked.baseline, window)
        before = None if baseline is None else (baseline, await services.machines.window(baseline))
        return Response(await past.run(partial(_json, past.store, asked.query, window, before)), headers=VARIES)
    body = await past.run(lambda: tables.written(window, asked.format))  # type: ignore[arg-type]  # one of FORMATS
    name = f'attachment; filename="vain-history.{asked.format}"'
    return Response(body, content_type=FORMATS[asked.format], headers={"Content-Disposition": name, **VARIES})


@operation("importHistory", Answer(201, "What the body had.", ImportAnswer), tag="performance", refuses=(422,))
async def take(services: Services, request: Request) -> Response:
    """Import samples from a CSV or Parquet body."""
    request.parameters()
    content_type = (request.headers.get("Content-Type") or "").partition(";")[0].strip().lower()
    kind = IMPORT_TYPES.get(content_type)
    if kind is None:
        raise Malformed("A body is expected: CSV or Parquet with a column 'timestamp' and one for each metric.")
    return Response(encode(await services.past.change(lambda: _imported(services, request.body, kind))), status=201)


def _imported(services: Services, body: bytes, kind: tables.Format) -> ImportAnswer:
    """Batch by batch: a small body may hold many rows. What came before a batch that is wrong stays."""
    rows, names = 0, set[str]()
    for t, values in tables.read(body, kind):
        rows += services.past.store.import_rows(t, values)
        names.update(values)
    return ImportAnswer(rows, len(names))


async def _asked(services: Services, request: Request) -> _Asked:
    given = request.parameters()
    now = time.time()
    after, before = await _span(services, given, now)
    points = whole_number(given, "points", 0, 1, LARGEST_INTEGER) if "points" in given else None
    metrics = patterns.parsed(given["metrics"]) if "metrics" in given else None
    tasks = (int(given["task_id"]),) if "task_id" in given else ()
    host, also = await _places(services, given, tasks)
    query = MetricQuery(after, before, metrics, points, tasks=tasks, host=host, also=also)
    form = chosen(given.get("format"), request.headers.get("Accept"), FORMATS)
    baseline = None
    if "baseline" in given:
        if form != "json":
            raise _malformed("baseline", "It is given in JSON only.")
        baseline = await _baseline(services, given, query)
    return _Asked(query, baseline, form)


async def _places(services: Services, given: Mapping[str, str], tasks: Sequence[int]) -> tuple[str, tuple[str, ...]]:
    """Of which machine: the one that is named, else that of the task, if an agent reports of it, and the others."""
    if "host" in given or not tasks:
        return given.get("host", ""), ()
    return services.machines.places_of(decode(Task, (await services.tracker.get(tasks[0])).body))


async def _span(services: Services, given: Mapping[str, str], now: float) -> tuple[float, float]:
    """The window; without one the task's own time, or the last minutes."""
    begin, end = None, now
    if "task_id" in given:
        task_id = whole_number(given, "task_id", 0, 1, LARGEST_INTEGER)
        begin, end = _time_of(decode(Task, (await services.tracker.get(task_id)).body), now)
    before = seconds_of(given["before"], now, "before") if "before" in given else end
    after = seconds_of(given["after"], now, "after") if "after" in given else begin
    after = before - DEFAULT_SECONDS if after is None else after
    if not after < before:
        raise _malformed("after", "It must be earlier than 'before'.")
    return after, before


def _time_of(task: Task, now: float) -> tuple[float, float]:
    """From its start (or creation, if it never started) to its end, or until now."""
    begin = unix(task.started_at or task.created_at)
    end = unix(task.completed_at) if task.completed_at else now
    return begin, max(end, begin + 0.001)


async def _baseline(services: Services, given: Mapping[str, str], query: MetricQuery) -> MetricQuery:
    """``previous``: the window before this one, or the run before this task; a negative number: so many seconds ago."""
    text, length = given["baseline"], query.before - query.after
    if text == "previous" and "task_id" in given:
        task = decode(Task, (await services.tracker.get(int(given["task_id"]))).body)
        earlier = await services.tracker.run_before(task)
        if earlier is None:
            raise _malformed("baseline", "There is no earlier run of this task's key or name.")
        after, before = _time_of(earlier, query.after)
        also = () if "host" in given else services.machines.places_of(earlier)[1]
        return replace(query, after=after, before=before, tasks=(earlier.task_id,), also=also)
    shift = length
    if text != "previous":
        shift = -_seconds(text)
    return replace(query, after=query.after - shift, before=query.before - shift)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not -1e10 < seconds < 0:
        raise _malformed("baseline", "'previous' is expected, or negative seconds: -86400 for the day before.")
    return seconds


def _alike(baseline: MetricQuery, window: MetricWindow) -> MetricQuery:
    """In the same step, so that point can be laid upon point; a longer one if that would be too many."""
    return replace(baseline, points=None, step_seconds=window.step_seconds) if window.is_reduced else baseline


def _json(
    store: MetricStore, query: MetricQuery, window: MetricWindow, before: tuple[MetricQuery, MetricWindow] | None
) -> bytes:
    answer = _answer(query, window)
    baseline = None if before is None else _answer(*before)
    fields = {name: getattr(answer, name) for name in WindowAnswer.__struct_fields__}
    known = store.labels()
    labels = {name: Raw(known[name].encode()) for name in answer.series if name in known}
    labels |= {name: Raw(_task_label(name)) for name in answer.series if is_of_task(name)}
    return encode(HistoryAnswer(**fields, labels=labels, baseline=baseline, extent=store.extent()))


def _task_label(series: str) -> bytes:
    return encode({"task_id": series.partition(":")[2]})


def _answer(query: MetricQuery, window: MetricWindow) -> WindowAnswer:
    return WindowAnswer(
        after=round(query.after, 3),
        before=round(query.before, 3),
        t=window.t.round(3).tolist(),
        series={name: _bands(name, bands) for name, bands in window.series.items()},
        tier=window.tier,
        step=window.step_seconds,
        quality=[_span_answer(span) for span in window.spans],
    )


def _bands(name: str, bands: Bands) -> BandsAnswer:
    """NaN becomes null in JSON; what is no more than rounding makes a body twice as long."""
    decimals = mean_decimals(metric_of(name))

    def cells(column: Floats) -> list[float | None]:
        cut: list[float | None] = (column if decimals is None else column.round(decimals)).tolist()
        return cut

    mean = cells(bands.mean)
    if bands.min is bands.mean:
        return BandsAnswer(mean, mean, mean)
    return BandsAnswer(mean, cells(bands.min), cells(bands.max))


def _span_answer(span: Span) -> SpanAnswer:
    return SpanAnswer(span.cause, round(span.begin, 3), round(span.end, 3), span.series)


def _malformed(parameter: str, detail: str) -> Malformed:
    return Malformed(f"{parameter}: {detail}", [Flaw(detail, parameter=parameter)])
