"""The guides in ``docs/`` as HTML: what ``/docs`` shows. They are ours; HTML in them is shown as text all the same."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from markdown_it.token import Token

CONTENTS: Mapping[str, tuple[str, ...]] = {
    "Begin": ("getting-started",),
    "Use": ("tasks", "reporting", "performance", "history", "visualizations", "stream", "notifications", "notebooks"),
    "Run": ("deployment", "hosts", "sign-in", "security", "best-practices", "troubleshooting"),
    "Look up": ("rest", "reference"),
    "The project": ("architecture", "development", "benchmarks"),
}
"""Every page, in the order of the navigation. ``reference`` is made of ``openapi.json``; the others are files."""
REFERENCE = "reference"
ATTACHED: Mapping[str, str] = {
    "grafana-dashboard.json": "application/json",
    "deploy/vain.service": "text/plain; charset=utf-8",
    "deploy/vain-agent.service": "text/plain; charset=utf-8",
    "deploy/Containerfile": "text/plain; charset=utf-8",
    "deploy/nginx-servers.conf": "text/plain; charset=utf-8",
}
"""Files that pages give away, with their media types; they are had by their names without the folder."""

_ELSEWHERE = re.compile(r"[a-z]+:|//|#")
_NOT_IN_ANCHORS = re.compile(r"[^\w\- ]")


class Heading(Struct, frozen=True):
    """A heading within a page, as the page's own contents list it."""

    anchor: str
    text: str


class Guide(Struct, frozen=True):
    """One page: its name in the address, its title, its first sentences as plain text, and the HTML below the title."""

    name: str
    title: str
    opening: str
    html: str
    headings: tuple[Heading, ...]


def read_guides() -> dict[str, Guide]:
    """Every guide by its name. Reads and renders some twenty files: not for the event loop."""
    folder = _folder()
    names = [name for group in CONTENTS.values() for name in group if name != REFERENCE]
    return {name: rendered(name, (folder / f"{name}.md").read_text("utf-8")) for name in names}


def read_attached() -> dict[str, tuple[bytes, str]]:
    """The files that are given away and their media types, by name. Reads them: not for the event loop."""
    return {_bare(path): ((_folder() / path).read_bytes(), media) for path, media in ATTACHED.items()}


def rendered(name: str, text: str) -> Guide:
    """One page of Markdown. Its first line is its title."""
    from markdown_it import MarkdownIt  # noqa: PLC0415  (6 MB, for nothing until somebody reads here)

    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = parser.parse(text)
    title = _plain(tokens[1])
    headings = tuple(_anchored(tokens[3:]))
    for token in tokens:
        for child in token.children or ():
            _relink(child)
    opening = next((_plain(tokens[i + 1]) for i, token in enumerate(tokens) if token.type == "paragraph_open"), "")
    html = parser.renderer.render(tokens[3:], parser.options, {})
    # What is wider than the screen moves within its own frame, by the keys too.
    html = (
        html.replace("<pre>", '<pre tabindex="0">')
        .replace("<th></th>", "<td></td>")
        .replace("<table>", '<div class="wide" tabindex="0"><table>')
        .replace("</table>", "</table></div>")
    )
    return Guide(name, title, opening, html, headings)


def anchor_of(heading: str) -> str:
    """The anchor of a heading, as forges make it, so that a link works there and here."""
    return _NOT_IN_ANCHORS.sub("", heading.lower()).replace(" ", "-")


def contents_html(guides: Mapping[str, Guide], here: str, before: str) -> str:
    """The navigation; ``before`` stands in front of each address, and makes it relative to where the page is."""
    parts = []
    for group, names in CONTENTS.items():
        entries = "".join(_entry(guides[name], name == here, before) for name in names)
        parts.append(f"<h2>{escape(group)}</h2><ul>{entries}</ul>")
    return "".join(parts)


def home(guides: Mapping[str, Guide]) -> Guide:
    """The page that the others are found from."""
    parts = []
    for group, names in CONTENTS.items():
        cards = "".join(_card(guides[name]) for name in names)
        parts.append(f'<h2 id="{anchor_of(group)}">{escape(group)}</h2><div class="cards">{cards}</div>')
    return Guide("", "Documentation", "", "".join(parts), ())


def headings_html(headings: Sequence[Heading]) -> str:
    """A page's own contents; nothing where it has but one part."""
    if len(headings) < 2:
        return ""
    entries = "".join(f'<li><a href="#{each.anchor}">{escape(each.text)}</a></li>' for each in headings)
    return f"<h2>On this page</h2><ul>{entries}</ul>"


def _entry(guide: Guide, is_here: bool, before: str) -> str:
    mark = ' aria-current="page"' if is_here else ""
    return f'<li><a href="{before}{guide.name}"{mark}>{escape(guide.title)}</a></li>'


def _card(guide: Guide) -> str:
    return f'<a href="docs/{guide.name}"><strong>{escape(guide.title)}</strong><span>{escape(guide.opening)}</span></a>'


def _anchored(tokens: Sequence[Token]) -> Iterator[Heading]:
    """Gives each heading its anchor; those of the second level are the page's contents."""
    for i, token in enumerate(tokens):
        if token.type == "heading_open":
            text = _plain(tokens[i + 1])
            token.attrSet("id", anchor_of(tokens[i + 1].content))
            if token.tag == "h2":
                yield Heading(anchor_of(tokens[i + 1].content), text)


def _relink(token: Token) -> None:
    """A link to another page's file leads to the page; one to a file that is only in the project leads to the start."""
    target = token.attrGet("href") if token.type == "link_open" else None
    if not isinstance(target, str) or _ELSEWHERE.match(target):
        return
    path, _, anchor = target.partition("#")
    if path in ATTACHED:
        token.attrSet("href", _bare(path))
        return
    known = path.removesuffix(".md") if "/" not in path and path.endswith(".md") else "../docs"
    token.attrSet("href", f"{known}#{anchor}" if anchor and known != "../docs" else known)


def _plain(token: Token) -> str:
    children = token.children or []
    return "".join(" " if each.type in ("softbreak", "hardbreak") else each.content for each in children)


def _bare(path: str) -> str:
    return path.rpartition("/")[2]


def _folder() -> Path:
    """In a wheel the guides lie within the package, in a checkout beside it."""
    package = Path(__file__).parents[1]
    inside = package / "_docs"
    return inside if inside.is_dir() else package.parent / "docs"
