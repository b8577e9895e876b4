"""A chart is a small PNG of the hour before, with the threshold; and a message never waits for it for long."""

from __future__ import annotations

import asyncio
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from tests.delivery.made import notification
from vain.bands import MetricQuery, MetricWindow, of_values
from vain.clock import unix
from vain.delivery import chart
from vain.delivery.chart import HEIGHT, WIDTH, ReadWindow, chart_of
from vain.errors import Unavailable

LINE, LIMIT = (0x1F, 0x6F, 0xB4), (0xC6, 0x28, 0x28)
BUSY = notification(kind="rule.fired", metric="cpu.percent", value=97.0, threshold=95.0)


def giving(values: list[float], series: str = "cpu.percent") -> ReadWindow:
    async def read(query: MetricQuery) -> MetricWindow:
        t = np.linspace(query.after, query.before, len(values), endpoint=False)
        return MetricWindow(t, {series: of_values(np.array(values))}, "raw", 12.0)

    return read


def drawn(read: ReadWindow, said: object = BUSY) -> Image.Image | None:
    png = asyncio.run(chart_of(said, read))  # type: ignore[arg-type]
    return None if png is None else Image.open(BytesIO(png)).convert("RGB")


def near(image: Image.Image, colour: tuple[int, int, int]) -> int:
    """How many pixels have about this colour."""
    pixels = np.asarray(image).astype(int)
    return int((np.abs(pixels - colour).sum(axis=2) < 60).sum())


def test_it_shows_the_values_and_the_threshold() -> None:
    image = drawn(giving([20.0] * 150 + [97.0] * 150))
    assert image is not None and image.size == (WIDTH, HEIGHT)
    assert near(image, LINE) > 300 and near(image, LIMIT) > 150
    without = drawn(giving([20.0] * 300), notification(kind="rule.fired", metric="cpu.percent", value=1.0))
    assert without is not None and near(without, LIMIT) == 0


def test_it_asks_for_the_hour_before() -> None:
    asked = list[MetricQuery]()

    async def read(query: MetricQuery) -> MetricWindow:
        asked.append(query)
        return await giving([1.0, 2.0])(query)

    drawn(read)
    (query,) = asked
    assert (query.before, query.before - query.after) == (unix(BUSY.timestamp), 3_600)
    assert query.metrics == ("cpu.percent",)


def test_a_hole_stays_a_hole() -> None:
    nothing = float("nan")
    image = drawn(giving([50.0] * 100 + [nothing] * 100 + [50.0] * 99 + [nothing, 50.0]))
    assert image is not None
    middle = image.crop((WIDTH // 2 - 20, 30, WIDTH // 2 + 20, HEIGHT - 25))
    assert near(middle, LINE) == 0


@pytest.mark.parametrize("values", [[0.0] * 10, [-5.0, 3e12], [5.0]])
def test_any_values_can_be_drawn(values: list[float]) -> None:
    said = notification(kind="rule.fired", metric="network.sent_bytes_per_second", value=1.0)
    assert drawn(giving(values, "network.sent_bytes_per_second"), said) is not None


@pytest.mark.parametrize(
    "said",
    [notification(), notification(metric="no.such"), notification(metric="memory.percent")],
)
def test_without_a_metric_or_values_there_is_none(said: object) -> None:
    assert drawn(giving([1.0]), said) is None


def test_nothing_known_is_no_chart() -> None:
    assert drawn(giving([float("nan")] * 5)) is None


def test_a_history_that_fails_or_hangs_is_no_chart(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(query: MetricQuery) -> MetricWindow:
        raise Unavailable("no")

    async def hangs(query: MetricQuery) -> MetricWindow:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(chart, "LIMIT_SECONDS", 0.05)
    assert drawn(fails) is None
    assert drawn(hangs) is None
