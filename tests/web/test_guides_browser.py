"""``/docs`` in a browser: readable in light and dark, on a narrow screen, for everybody, and without another's help."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser

from tests.browser import Visit
from tests.web.harness import Running, running

pytestmark = pytest.mark.slow

LOOKED_AT = {"": "body", "/getting-started": "body", "/reference": "#createTask"}
"""Of the reference one operation is looked at: all of it takes axe most of a minute, and is made by the same code."""
RUN = "(part) => axe.run(part, {resultTypes: ['violations'], preload: false})"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("data")) as run:
        yield run


def visit(browser: Browser, server: Running, page: str, width: int, scheme: str = "light") -> Visit:
    return Visit(browser, f"http://{server.host}/docs{page}", width, color_scheme=scheme, bypass_csp=True)


@pytest.mark.parametrize("page", LOOKED_AT)
@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_nothing_is_wrong_and_nothing_too_wide(
    browser: Browser, server: Running, page: str, width: int, scheme: str
) -> None:
    opened = visit(browser, server, page, width, scheme)
    opened.page.add_script_tag(content=AXE_SCRIPT)
    violations = opened.page.evaluate(RUN, LOOKED_AT[page])["violations"]
    assert [(each["id"], each["nodes"][0]["html"]) for each in violations] == []
    assert opened.page.evaluate("document.documentElement.scrollWidth") == width
    assert opened.complaints == [] and opened.foreign == []
    opened.page.context.close()


def test_the_theme_is_the_dashboards_and_the_contents_unfold(browser: Browser, server: Running) -> None:
    opened = visit(browser, server, "/tasks", 390).page
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    before = opened.evaluate(ground)
    opened.click("#theme")
    assert opened.evaluate(ground) != before
    assert opened.evaluate("localStorage.getItem('vain-theme')") == "dark"
    assert not opened.is_visible("nav a[href=rest]")
    opened.click("#contents > summary")
    opened.click("nav a[href=rest]")
    opened.wait_for_url("**/docs/rest")
    assert opened.evaluate("document.documentElement.dataset.theme") == "dark"
    opened.click("text=Documentation")
    opened.wait_for_url("**/docs")
    opened.click(".cards a[href='docs/stream']")
    opened.wait_for_url("**/docs/stream")
    opened.context.close()


def test_the_policy_lets_our_script_and_style_in_and_nothing_else(browser: Browser, server: Running) -> None:
    opened = Visit(browser, f"http://{server.host}/docs/rest").page
    assert opened.evaluate("getComputedStyle(document.querySelector('.bar')).position") == "sticky"
    refused = opened.evaluate(
        "() => { const s = document.createElement('script'); s.textContent = 'window.ran = 1';"
        " document.head.append(s); return window.ran ?? null; }"
    )
    assert refused is None
    opened.context.close()
