"""No view and no page gives text to a component that would read it as HTML."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PYTHON = [*(ROOT / "vain" / "views").glob("*.py"), *(ROOT / "app").glob("*.py")]
SCRIPTS = sorted((ROOT / "vain" / "views" / "assets").glob("*.js"))

RUNS_HTML = {
    "Accordion", "Alert", "Card", "ChatMessage", "DataFrame", "Div", "HTML", "HTMLTemplateFormatter", "Markdown",
    "MultiChoice", "Number", "Placeholder", "StaticText", "Str", "Tabulator", "TooltipIcon", "Trend",
}  # fmt: skip
"""Seen to run a script that stood in their text (Panel 1.9, Bokeh 3.9)."""


def calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call):
            function = node.func
            yield (function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")), node


def is_literal(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) or (
        isinstance(node, ast.Tuple | ast.List) and all(is_literal(element) for element in node.elts)
    )


def is_safe(name: str, call: ast.Call) -> bool:
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    if name == "Div" and isinstance(given.get("render_as_text"), ast.Constant):
        return bool(given["render_as_text"].value)
    return all(is_literal(value) for value in (*call.args, *given.values()))


def unsafe(path: Path) -> list[str]:
    return [
        f"{path.name}:{call.lineno} {name}"
        for name, call in calls(path)
        if name in RUNS_HTML and not is_safe(name, call)
    ]


def test_components_that_read_html_get_only_literals() -> None:
    assert [found for path in PYTHON for found in unsafe(path)] == []


def test_nobody_raises_a_toast() -> None:
    assert [path.name for path in PYTHON if "state.notifications" in path.read_text("utf-8")] == []


def test_only_our_own_templates_and_styles_are_marked_safe() -> None:
    page = (ROOT / "vain/views/assets/page.html").read_text("utf-8")
    assert set(re.findall(r"\{\{ *(\w+) *\| *safe", page)) == {
        "style",
        "script",
        "bokeh_css",
        "bokeh_js",
        "plot_script",
    }


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_set_text_and_never_html(script: Path) -> None:
    text = script.read_text("utf-8")
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc", text)


def test_no_asset_names_another_host() -> None:
    for asset in (ROOT / "vain/views/assets").iterdir():
        others = re.findall(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}", asset.read_text("utf-8"))
        assert {other for other in others if "www.w3.org" not in other} == set(), asset.name


@pytest.mark.parametrize(
    "line", ["pn.pane.Str(task.name)", "Div(text=name)", "Div(text=name, render_as_text=False)", "Card(title=f'{x}')"]
)
def test_the_search_finds_what_it_is_for(line: str, tmp_path: Path) -> None:
    (tmp_path / "page.py").write_text(line)
    assert unsafe(tmp_path / "page.py")
