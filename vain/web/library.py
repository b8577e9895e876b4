"""What the server tells of itself, made once when somebody first asks: two documents for programs, pages for people."""

from __future__ import annotations

import asyncio
import mimetypes
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from msgspec import Struct

from vain.codec import encode
from vain.shared import SharedReads
from vain.views import tokens
from vain.web import asyncapi, guides, openapi, reference
from vain.web.guides import Guide
from vain.web.http import JSON
from vain.web.preconditions import weak_tag
from vain.web.routes import Endpoint

W = TypeVar("W")

_HERE = Path(__file__).parent
_FRAME = "docs.html"
_FILES = ("docs.css", "docs.js")


class Work(Struct, frozen=True):
    """One document, as it is sent."""

    body: bytes
    content_type: str
    tag: str

    @staticmethod
    def of(body: bytes, content_type: str) -> Work:
        """With a tag that changes when the body does."""
        return Work(body, content_type, weak_tag(body))


class Library:
    """The documents of a table of routes. Belongs to the event loop; what takes long is done in a thread."""

    def __init__(self, table: Mapping[str, Mapping[str, Endpoint]]) -> None:
        self._table = table
        self._documents: SharedReads[str, Work] = SharedReads(2)
        self._pages: SharedReads[str, Mapping[str, Work]] = SharedReads(1)

    async def openapi(self) -> Work:
        """``/openapi.json``."""
        return await _once(self._documents, "openapi", lambda: _json(openapi.document(self._table)))

    async def asyncapi(self) -> Work:
        """``/asyncapi.json``."""
        return await _once(self._documents, "asyncapi", lambda: _json(asyncapi.document()))

    async def pages(self) -> Mapping[str, Work]:
        """The pages of ``/docs`` by name, ``""`` the first of them, and the files that they need."""
        return await _once(self._pages, "pages", lambda: _pages(self._table))


async def _once(made: SharedReads[str, W], name: str, make: Callable[[], W]) -> W:
    return await made.get(name, lambda: asyncio.to_thread(make))


def _json(document: Mapping[str, Any]) -> Work:
    return Work.of(encode(document), JSON)


def _pages(table: Mapping[str, Mapping[str, Endpoint]]) -> dict[str, Work]:
    known = guides.read_guides()
    known[guides.REFERENCE] = reference.reference(openapi.document(table))
    frame = (_HERE / _FRAME).read_text("utf-8")
    pages = {name: _page(frame, known, guide, "", "../") for name, guide in known.items()}
    pages[""] = _page(frame, known, guides.home(known), "docs/", "./")
    attached = {name: Work.of(*given) for name, given in guides.read_attached().items()}
    return pages | {name: _file(name) for name in _FILES} | attached


def _page(frame: str, known: Mapping[str, Guide], guide: Guide, before: str, root: str) -> Work:
    """``before`` leads to the other pages and ``root`` to the dashboard, both from where this page is."""
    filled = {
        "title": guide.title,
        "before": before,
        "home": f"{root}docs",
        "root": root,
        "contents": guides.contents_html(known, guide.name, before),
        "headings": guides.headings_html(guide.headings),
        "body": guide.html,
    }
    for name, text in filled.items():
        frame = frame.replace(f"{{{{{name}}}}}", text)
    return Work.of(frame.encode(), "text/html; charset=utf-8")


def _file(name: str) -> Work:
    text = (_HERE / name).read_text("utf-8")
    if name.endswith(".css"):
        text = tokens.css() + text
    return Work.of(text.encode(), f"{mimetypes.guess_type(name)[0]}; charset=utf-8")
