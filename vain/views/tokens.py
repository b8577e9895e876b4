"""The tokens of the theme: type, spacing and colours, as values and as CSS custom properties. Free of Bokeh.

Light and dark differ only in what lies around the data; the colours of the data in ``SERIES`` are readable on both
grounds (3:1 and more) and told apart by people who see colours differently (after Okabe and Ito).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

Mode = Literal["light", "dark"]

FONT: Final = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif'
MONO: Final = 'ui-monospace, "SF Mono", "Cascadia Mono", "DejaVu Sans Mono", Menlo, Consolas, monospace'

SCALE: Final[Mapping[str, str]] = {
    "font": FONT,
    "mono": MONO,
    "size-small": "12px",
    "size-text": "14px",
    "size-title": "15px",
    "size-figure": "26px",
    "space-1": "4px",
    "space-2": "8px",
    "space-3": "12px",
    "space-4": "16px",
    "space-5": "24px",
    "space-6": "32px",
    "radius": "8px",
    "radius-small": "5px",
}

SERIES: Final[Mapping[str, str]] = {
    "blue": "#2f7fd6",
    "orange": "#c96a12",
    "green": "#12906e",
    "purple": "#a75fb5",
    "grey": "#7b8494",
    "red": "#d9483b",
    "gold": "#a67c00",
}
"""The colours of data: 3:1 and more on the surface of both modes. A second cue (dash, word, place) goes with each."""


class OutcomeLook(NamedTuple):
    """How a task's state is shown: a colour, and for who cannot tell it a sign, a word and a pattern."""

    color: str
    sign: str
    word: str
    hatch: str = ""
    """Of Bokeh's patterns; ``""``: none."""


OUTCOME: Final[Mapping[str, OutcomeLook]] = {
    "succeeded": OutcomeLook(SERIES["green"], "✓", "Succeeded"),
    "failed": OutcomeLook(SERIES["red"], "✗", "Failed", "right_diagonal_line"),
    "cancelled": OutcomeLook(SERIES["grey"], "⊘", "Cancelled", "dot"),
    "timed-out": OutcomeLook(SERIES["orange"], "◷", "Timed out", "left_diagonal_line"),
    "crashed": OutcomeLook(SERIES["purple"], "✹", "Crashed", "cross"),
    "skipped": OutcomeLook(SERIES["grey"], "↷", "Skipped", "horizontal_line"),
    "running": OutcomeLook(SERIES["blue"], "▶", "Running"),
    "pending": OutcomeLook(SERIES["grey"], "○", "Pending", "diagonal_cross"),
    "stale": OutcomeLook(SERIES["gold"], "?", "Stale", "vertical_line"),
}
"""By outcome, and for a task without one: ``running``, ``pending``, or ``stale`` where its promise was broken."""

LIGHT: Final[Mapping[str, str]] = {
    "ground": "#f6f7f9",
    "surface": "#ffffff",
    "raised": "#f0f2f5",
    "line": "#e2e5ea",
    "line-strong": "#868e9c",
    "text": "#171a21",
    "text-soft": "#545c6a",
    "accent": "#1f66b8",
    "accent-ground": "#e8f0fa",
    "good": "#0b7355",
    "good-ground": "#e3f4ee",
    "warning": "#8a5300",
    "warning-ground": "#fdf1dc",
    "critical": "#b3261e",
    "critical-ground": "#fdeae8",
    "shadow": "0 1px 2px rgb(20 25 35 / 6%)",
}

DARK: Final[Mapping[str, str]] = {
    "ground": "#0e1116",
    "surface": "#161a21",
    "raised": "#1f242d",
    "line": "#2a303b",
    "line-strong": "#6b7586",
    "text": "#e8ebf0",
    "text-soft": "#a2abba",
    "accent": "#74aef0",
    "accent-ground": "#182a40",
    "good": "#4cc39c",
    "good-ground": "#12291f",
    "warning": "#e5ad4e",
    "warning-ground": "#2e2412",
    "critical": "#ff8a7e",
    "critical-ground": "#381a18",
    "shadow": "none",
}

MODES: Final[Mapping[Mode, Mapping[str, str]]] = {"light": LIGHT, "dark": DARK}

BOKEH: Final[Mapping[str, str]] = {
    "background-fill-color": "transparent",
    "border-fill-color": "transparent",
    "outline-line-color": "transparent",
    "grid-line-color": "var(--vain-line)",
    "axis-line-color": "var(--vain-line)",
    "major-tick-line-color": "var(--vain-line)",
    "minor-tick-line-color": "transparent",
    "major-label-text-color": "var(--vain-text-soft)",
    "axis-label-text-color": "var(--vain-text-soft)",
    "label-text-color": "var(--vain-text-soft)",
    "text-color": "var(--vain-text)",
}
"""What Bokeh's own custom properties stand for; they reach into every figure of the page."""


PANEL: Final[Mapping[str, str]] = {
    "design-background-color": "transparent",
    "design-background-text-color": "var(--vain-text)",
    "design-surface-color": "var(--vain-surface)",
    "design-surface-text-color": "var(--vain-text)",
    "panel-on-background-color": "var(--vain-text)",
}
"""The same for what Panel's own style sheets ask for."""


def tokens(mode: Mode) -> dict[str, str]:
    """The custom properties of one mode, by name without the leading ``--vain-``."""
    return {**SCALE, **{f"series-{name}": color for name, color in SERIES.items()}, **MODES[mode]}


def css() -> str:
    """The style sheet of the tokens: light, and dark where ``data-theme`` or the system asks for it."""
    dark = _declarations(DARK, "vain-")
    light = _declarations(tokens("light"), "vain-") + _declarations(BOKEH, "bk-") + _declarations(PANEL, "")
    return (
        f":root {{ color-scheme: light; {light} }}\n"
        f":root[data-theme=dark] {{ color-scheme: dark; {dark} }}\n"
        f"@media (prefers-color-scheme: dark) {{ :root:not([data-theme]) {{ color-scheme: dark; {dark} }} }}\n"
    )


def _declarations(values: Mapping[str, str], prefix: str) -> str:
    return " ".join(f"--{prefix}{name}: {value};" for name, value in values.items())
