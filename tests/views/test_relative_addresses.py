"""A proxy may put anything before our paths: what pages and scripts name, they name relative to themselves."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

VAIN = Path(__file__).resolve().parents[2] / "vain"
FILES = sorted([*(VAIN / "views" / "assets").glob("*.*"), *(VAIN / "web").glob("*.html"), *(VAIN / "web").glob("*.js")])
FROM_THE_ROOT = re.compile(r"""["'`(=]/[a-z?]""")
COMMENT = re.compile(r"^\s*(//|/?\*).*$", re.MULTILINE)


@pytest.mark.parametrize(
    "file", [file for file in FILES if file.suffix in (".js", ".html", ".css")], ids=lambda f: f.name
)
def test_no_address_begins_at_the_root(file: Path) -> None:
    assert FROM_THE_ROOT.findall(COMMENT.sub("", file.read_text("utf-8"))) == []


def test_views_name_none_either() -> None:
    text = "".join(file.read_text("utf-8") for file in (VAIN / "views").glob("*.py"))
    assert re.findall(r'return f?"/[a-z?]', text) == []
