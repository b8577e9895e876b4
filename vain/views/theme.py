"""The one theme (``tokens.py``) as Bokeh figure properties.

Bokeh reads ``--bk-…`` custom properties before a figure's own ones, so on our pages a figure follows the toggle without
a message to the server. Where the page is not ours, in a notebook, ``apply`` sets the same colours as properties.
"""

from __future__ import annotations

from collections.abc import Mapping

from bokeh.models import Axis, Grid
from bokeh.models.annotations import Legend, Title
from bokeh.plotting import figure

from vain.views.tokens import DARK, FONT, LIGHT, MODES, MONO, OUTCOME, SCALE, SERIES, Mode, OutcomeLook, css, tokens

__all__ = [
    "DARK", "FONT", "LIGHT", "MODES", "MONO", "OUTCOME", "SCALE", "SERIES",
    "Mode", "OutcomeLook", "apply", "css", "tokens",
]  # fmt: skip


def apply(plot: figure, mode: Mode = "light") -> None:
    """Gives a figure the theme: type sizes, thin lines and, where no page of ours gives them, the colours of a mode."""
    colors = MODES[mode]
    plot.background_fill_color = plot.border_fill_color = None
    plot.outline_line_color = None
    if isinstance(plot.title, Title):
        plot.title.text_color, plot.title.text_font, plot.title.text_font_size = colors["text"], FONT, "13px"
    # Read from where they stand: Bokeh's own search walks every model of the figure, and a page is built on the loop.
    for part in (*plot.left, *plot.right, *plot.above, *plot.below, *plot.center):
        if isinstance(part, Axis):
            _apply_axis(part, colors)
        elif isinstance(part, Grid):
            part.grid_line_color = colors["line"]
        elif isinstance(part, Legend):
            _apply_legend(part, colors)


def _apply_axis(axis: Axis, colors: Mapping[str, str]) -> None:
    axis.axis_line_color = axis.major_tick_line_color = colors["line"]
    axis.minor_tick_line_color = None
    axis.major_label_text_color = axis.axis_label_text_color = colors["text-soft"]
    axis.major_label_text_font = axis.axis_label_text_font = FONT
    axis.major_label_text_font_size = axis.axis_label_text_font_size = "11px"
    axis.axis_label_text_font_style = "normal"
    axis.major_tick_in, axis.major_tick_out = 0, 4


def _apply_legend(legend: Legend, colors: Mapping[str, str]) -> None:
    legend.background_fill_color = legend.border_line_color = None
    legend.label_text_color, legend.label_text_font, legend.label_text_font_size = colors["text-soft"], FONT, "11px"
    # A legend is HTML, styled once: it follows the toggle through a style of its own.
    legend.stylesheets = [f".bk-item .bk-label {{ color: var(--vain-text-soft, {colors['text-soft']}) !important; }}"]
    legend.margin = 0
    legend.update(padding=0)
    legend.spacing, legend.glyph_width, legend.glyph_height, legend.label_height = 10, 14, 14, 14
