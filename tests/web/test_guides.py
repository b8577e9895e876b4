"""``/docs``: every guide is there, every link leads somewhere, and what is in them is shown and never run."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.web.harness import Running, running
from vain.web import guides
from vain.web.library import Work, _pages
from vain.web.table import table

HREF = re.compile(r"""href=["']([^"']+)["']""")
ID = re.compile(r"""\bid=["']([^"']+)["']""")


@pytest.fixture(scope="module")
def pages() -> Mapping[str, Work]:
    return _pages(table().table)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("data")) as run:
        run.server._services.keys.create("somebody", "read")
        yield run


def html(pages: Mapping[str, Work]) -> dict[str, str]:
    return {name: work.body.decode() for name, work in pages.items() if work.content_type.startswith("text/html")}


def test_every_guide_has_a_page(root: Path, pages: Mapping[str, Work]) -> None:
    files = {path.stem for path in (root / "docs").glob("*.md")}
    assert html(pages).keys() == files | {"", guides.REFERENCE}
    for name in files:
        title = (root / "docs" / f"{name}.md").read_text("utf-8").splitlines()[0].removeprefix("# ")
        assert f"<h1>{title}</h1>" in html(pages)[name]
        assert html(pages)[name].count(" aria-current=") == 1


def test_every_link_leads_to_a_page_and_a_place_in_it(pages: Mapping[str, Work]) -> None:
    shown = html(pages)
    outside = {"openapi.json", "asyncapi.json", "", "docs"}
    for name, text in shown.items():
        for link in HREF.findall(text):
            if link.startswith(("http:", "https:", "data:")):
                continue
            target, _, anchor = link.partition("#")
            there = target.removeprefix("docs/" if name == "" else "../").removeprefix("./")
            if target.startswith(("../", "./")):
                assert there in outside, f"{name}: {link}"
                continue
            assert not target or there in pages, f"{name}: {link}"
            assert not anchor or anchor in ID.findall(shown[there or name]), f"{name}: {link}"


def test_nothing_in_a_guide_is_run(tmp_path: Path) -> None:
    text = "# T\n\n<script>alert(1)</script> [x](javascript:alert(1)) `<b>` & <img src=x>\n\n## A *b* <i>\n"
    shown = guides.rendered("t", text).html
    assert "<script" not in shown and "<img" not in shown and "javascript:" not in HREF.findall(shown)
    assert "&lt;script&gt;" in shown and "<code>&lt;b&gt;</code>" in shown


def test_pages_are_public_closed_to_others_scripts_and_kept_by_tag(server: Running) -> None:
    for path in ("/docs", "/docs/rest", "/docs/reference", "/docs/docs.css", "/docs/docs.js"):
        reply = server.call("GET", path)
        assert reply.status == 200, path
        assert "script-src 'self';" in reply.headers["Content-Security-Policy"]
        assert reply.headers["Cache-Control"] == "no-cache"
        assert server.call("GET", path, headers={"If-None-Match": reply.headers["ETag"]}).status == 304
    for path in ("/docs/nothing", "/docs/..%2f..%2fetc", "/docs/getting-started.md"):
        assert server.call("GET", path).status == 404, path
    assert server.call("GET", "/tasks").status == 401


def test_the_reference_has_each_operation_type_and_error(pages: Mapping[str, Work]) -> None:
    places = set(ID.findall(html(pages)[guides.REFERENCE]))
    named = {
        endpoint.operation.id
        for methods in table().table.values()
        for endpoint in methods.values()
        if endpoint.operation and not endpoint.operation.hidden
    }
    assert named | {"type-Task", "type-Problem", "409", "tasks", "errors"} <= places


def test_no_page_reaches_elsewhere_by_itself(pages: Mapping[str, Work]) -> None:
    for name, work in pages.items():
        text = work.body.decode()
        assert not re.search(r"""(src|@import|url\()\s*=?\s*["']?(https?:)?//""", text), name
