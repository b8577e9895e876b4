"""Text for a terminal: nothing that it would obey, and columns that stand under each other."""

from __future__ import annotations

import io
import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vain.terminal import Screen, cut, safe, safe_json, width_of


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def obeyed(text: str) -> bool:
    """Whether a terminal could do something else with the text than show it."""
    return any(
        unicodedata.category(character) in ("Cc", "Cs") or character in "\u202a\u202e\u2066\u2028" for character in text
    )


@given(st.text())
def test_safe_text_is_only_ever_shown(text: str) -> None:
    assert not obeyed(safe(text)) and "\n" not in safe(text)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_safe_json_is_only_ever_shown_and_means_the_same(text: str) -> None:
    written = safe_json({"name": text})
    assert not obeyed(written) and json.loads(written) == {"name": text}


@given(st.text(), st.integers(1, 40))
def test_what_is_cut_fits(text: str, width: int) -> None:
    assert width_of(cut(safe(text), width)) <= max(width, 1)


@pytest.mark.parametrize("text", ["plain", "Grüße", "日本", "🚀 launch", "👩\u200d🚀"])
def test_letters_of_every_script_stay(text: str) -> None:
    assert safe(text) == text


def test_columns_stand_under_each_other_whatever_their_width() -> None:
    screen = Screen(out=io.StringIO())
    screen.table(("ID", "WORD", "NAME"), [("1", "日本", "a"), ("22", "x", "b")])
    lines = screen.out.getvalue().splitlines()  # type: ignore[attr-defined]
    assert {width_of(line[: line.rindex(name)]) for line, name in zip(lines, ("NAME", "a", "b"), strict=True)} == {10}


def test_a_pipe_gets_whole_names_and_no_colours() -> None:
    screen = Screen(color=True, out=io.StringIO())
    screen.table(("PRIORITY", "NAME"), [("high", "n" * 500)])
    assert "n" * 500 in screen.out.getvalue() and "\x1b" not in screen.out.getvalue()  # type: ignore[attr-defined]


def test_a_terminal_gets_colours_and_lines_that_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    screen = Screen(out=Terminal())
    screen.table(("PRIORITY", "NAME"), [("high", "n" * 500)])
    text = screen.out.getvalue()  # type: ignore[attr-defined]
    assert "\x1b[31mhigh\x1b[0m" in text and "n" * 49 + "…" in text and "n" * 50 not in text


def test_no_color_is_kept_to() -> None:
    screen = Screen(color=False, out=Terminal())
    screen.table(("PRIORITY", "NAME"), [("high", "x")])
    assert "\x1b" not in screen.out.getvalue()  # type: ignore[attr-defined]
