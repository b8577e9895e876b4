"""The only place that brings text onto a page.

What a person or a program wrote (a task's name, a notification, a mount point) never becomes HTML: our components
set it with ``textContent``, the page's template escapes it, and ``plain`` is for the rest.
``tests/views/test_text_safety.py`` holds the views and the pages to this.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Final

from bokeh.models.widgets import Div
from jinja2 import Environment, FileSystemLoader, Template

_ASSETS: Final = Path(__file__).parent / "assets"
_TEMPLATES: Final = Environment(loader=FileSystemLoader(_ASSETS), autoescape=True, trim_blocks=True, lstrip_blocks=True)


def asset(name: str) -> str:
    """The text of one of our own style sheets or scripts."""
    return (_ASSETS / name).read_text("utf-8")


@cache
def edition() -> str:
    """Which style sheets and scripts these are: a page that an earlier vAIn made has another."""
    together = hashlib.sha256()
    for file in sorted(each for each in _ASSETS.iterdir() if each.is_file()):
        together.update(file.read_bytes())
    return together.hexdigest()[:16]


def template(name: str) -> Template:
    """One of our own page templates; what is put into it is escaped."""
    return _TEMPLATES.get_template(name)


def plain(text: str) -> Div:
    """A block of text, whatever is in it, shown as it is."""
    return Div(text=text, render_as_text=True)
