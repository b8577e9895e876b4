"""Colours can be read and told apart, and figures and page share them."""

from __future__ import annotations

import re
from itertools import combinations, product
from pathlib import Path

import pytest
from bokeh.plotting import figure

from vain.views import theme
from vain.views.text import asset

GROUNDS = ("ground", "surface", "raised", "accent-ground", "good-ground", "warning-ground", "critical-ground")
BARS = asset("timeline.css")


def sheets() -> str:
    """All our style sheets."""
    folder = Path(theme.__file__).with_name("assets")
    return "\n".join(sheet.read_text("utf-8") for sheet in sorted(folder.glob("*.css")))


def mixed(color: str, ground: str, share: float) -> str:
    """What ``color-mix(in srgb, color share, ground)`` gives."""
    pairs = ((int(color[at : at + 2], 16), int(ground[at : at + 2], 16)) for at in (1, 3, 5))
    return "#" + "".join(f"{round(over * share + under * (1 - share)):02x}" for over, under in pairs)


def luminance(color: str) -> float:
    channels = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("ground", GROUNDS[:3])
@pytest.mark.parametrize("text", ["text", "text-soft", "accent", "good", "warning", "critical"])
def test_text_meets_aa_on_every_ground(mode: theme.Mode, ground: str, text: str) -> None:
    assert contrast(theme.MODES[mode][text], theme.MODES[mode][ground]) >= 4.5


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("ground", GROUNDS[3:])
def test_plain_text_meets_aa_on_the_ground_of_a_state(mode: theme.Mode, ground: str) -> None:
    assert contrast(theme.MODES[mode]["text"], theme.MODES[mode][ground]) >= 4.5


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("state", ["accent", "good", "warning", "critical"])
def test_a_state_meets_aa_on_its_own_ground(mode: theme.Mode, state: str) -> None:
    assert contrast(theme.MODES[mode][state], theme.MODES[mode][f"{state}-ground"]) >= 4.5


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("name", theme.SERIES)
def test_data_is_visible_in_both_modes(mode: theme.Mode, name: str) -> None:
    assert contrast(theme.SERIES[name], theme.MODES[mode]["surface"]) >= 3


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("ground", GROUNDS)
def test_the_ring_around_what_has_the_focus_is_visible(mode: theme.Mode, ground: str) -> None:
    rings = set(re.findall(r":focus-visible[^{}]*{ outline: [^;]*var\(--vain-([a-z-]+)\)", sheets()))
    assert rings == {"accent"}
    assert contrast(theme.MODES[mode]["accent"], theme.MODES[mode][ground]) >= 3


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("ground", ["ground", "surface"])
def test_the_edge_of_a_field_is_visible(mode: theme.Mode, ground: str) -> None:
    assert contrast(theme.MODES[mode]["line-strong"], theme.MODES[mode][ground]) >= 3


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("outcome", theme.OUTCOME)
def test_text_on_a_bar_of_the_timeline_meets_aa(mode: theme.Mode, outcome: str) -> None:
    shares = [int(share) / 100 for share in re.findall(r"(?<!solid color-mix\(in srgb, )var\(--bar\) (\d+)%", BARS)]
    assert len(shares) >= 5 and not re.search(r"\.(name|ending|sign) {[^}]*color: var\(--vain-(?!text\))", BARS)
    colors, bar = theme.MODES[mode], theme.OUTCOME[outcome].color
    for ran, done in product(shares, shares):
        assert contrast(colors["text"], mixed(bar, mixed(bar, colors["surface"], ran), done)) >= 4.5


def test_outcomes_are_told_apart_without_their_colours() -> None:
    for one, other in combinations(theme.OUTCOME.values(), 2):
        assert one.sign != other.sign and one.word != other.word
        assert (one.color, one.hatch) != (other.color, other.hatch), "a drawing has no sign"


def test_no_two_colours_of_data_are_the_same() -> None:
    assert all(one != other for one, other in combinations(theme.SERIES.values(), 2))


def test_modes_have_the_same_tokens() -> None:
    assert theme.LIGHT.keys() == theme.DARK.keys()


def test_every_token_that_a_style_sheet_uses_exists() -> None:
    known = {f"--vain-{name}" for name in theme.tokens("light")}
    assert set(re.findall(r"var\((--vain-[a-z0-9-]+)", sheets())) <= known


def test_a_figure_takes_the_colours_of_its_mode() -> None:
    plot = figure(title="CPU")
    plot.line([1, 2], [3, 4], legend_label="x")
    for mode in ("light", "dark"):
        theme.apply(plot, mode)
        assert plot.title.text_color == theme.MODES[mode]["text"]
        assert plot.xaxis[0].major_label_text_color == theme.MODES[mode]["text-soft"]
        assert plot.legend[0].label_text_color == theme.MODES[mode]["text-soft"]
