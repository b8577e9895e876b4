"""Colours can be read and told apart, and figures and page share them."""

from __future__ import annotations

import re
from itertools import combinations

import pytest
from bokeh.plotting import figure

from vain.views import theme


def luminance(color: str) -> float:
    channels = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("ground", ["ground", "surface", "raised"])
@pytest.mark.parametrize("text", ["text", "text-soft", "accent", "good", "warning", "critical"])
def test_text_meets_aa_on_every_ground(mode: theme.Mode, ground: str, text: str) -> None:
    assert contrast(theme.MODES[mode][text], theme.MODES[mode][ground]) >= 4.5


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("state", ["accent", "good", "warning", "critical"])
def test_a_state_meets_aa_on_its_own_ground(mode: theme.Mode, state: str) -> None:
    assert contrast(theme.MODES[mode][state], theme.MODES[mode][f"{state}-ground"]) >= 4.5


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("name", theme.SERIES)
def test_data_is_visible_in_both_modes(mode: theme.Mode, name: str) -> None:
    assert contrast(theme.SERIES[name], theme.MODES[mode]["surface"]) >= 3


def test_no_two_colours_of_data_are_the_same() -> None:
    assert all(one != other for one, other in combinations(theme.SERIES.values(), 2))


def test_modes_have_the_same_tokens() -> None:
    assert theme.LIGHT.keys() == theme.DARK.keys()


def test_every_token_that_a_style_sheet_uses_exists() -> None:
    known = {f"--vain-{name}" for name in theme.tokens("light")}
    sheets = (theme.__file__ or "").replace("theme.py", "assets")
    from pathlib import Path

    used = {
        name
        for sheet in Path(sheets).glob("*.css")
        for name in re.findall(r"var\((--vain-[a-z0-9-]+)", sheet.read_text("utf-8"))
    }
    assert used <= known


def test_a_figure_takes_the_colours_of_its_mode() -> None:
    plot = figure(title="CPU")
    plot.line([1, 2], [3, 4], legend_label="x")
    for mode in ("light", "dark"):
        theme.apply(plot, mode)
        assert plot.title.text_color == theme.MODES[mode]["text"]
        assert plot.xaxis[0].major_label_text_color == theme.MODES[mode]["text-soft"]
        assert plot.legend[0].label_text_color == theme.MODES[mode]["text-soft"]
