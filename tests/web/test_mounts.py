"""The dashboard behind our door: what happens when it cannot be opened."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tornado.web import Application, RequestHandler

from tests.web.harness import Running, running
from vain.views import application
from vain.web.mounts import Dashboard


class Failing:
    """A dashboard that cannot be loaded the first time."""

    def __init__(self) -> None:
        self.tries = 0

    def __call__(self) -> Dashboard:
        self.tries += 1
        if self.tries == 1:
            raise ImportError("Panel is not whole")
        return Small()


class Small:
    """A dashboard of one page, which shows the headers that the page gets."""

    def build(self, *values: object) -> Application:
        return Application([(r"/.*", Page)])

    def start(self, *values: object) -> None: ...

    def stop(self, *values: object) -> None: ...


class Page(RequestHandler):
    def get(self) -> None:
        self.write({"role": self.request.headers.get_list("X-Vain-Role")})


def test_a_dashboard_that_cannot_be_loaded_is_answered_and_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with running(tmp_path, Failing()) as server:
        failed = server.call("GET", "/")
        assert (failed.status, failed.headers["Content-Type"]) == (500, "application/problem+json")
        assert "Panel" not in failed.body.decode()
        assert server.call("GET", "/healthz").status == 200
        assert server.call("GET", "/").status == 200
    assert any(record.name.startswith("vain") and record.exc_info for record in caplog.records)


def test_a_page_is_told_the_role_that_the_gate_found_and_no_other(tmp_path: Path) -> None:
    with running(tmp_path, Small) as server:
        for sent in ({}, {"X-Vain-Role": "read"}, {"x-vain-role": "superuser"}):
            assert server.call("GET", "/", headers=sent).json == {"role": ["admin"]}
        _, secret = server.server._services.keys.create("ci", "read")
        headers = {"Authorization": f"Bearer {secret}", "X-Vain-Role": "admin"}
        assert server.call("GET", "/", headers=headers).json == {"role": ["read"]}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("static"), lambda: application) as server:
        yield server


@pytest.fixture(scope="module")
def scripts(whole: Running) -> list[str]:
    return re.findall(r'<script[^>]* src="(static/[^"]+)"', whole.call("GET", "/board").body.decode())


@pytest.mark.slow
def test_each_script_of_a_page_is_compressed_and_kept_by_the_browser(whole: Running, scripts: list[str]) -> None:
    assert len(scripts) > 3
    for script in scripts:
        plain = whole.call("GET", f"/{script}")
        packed = whole.call("GET", f"/{script}", headers={"Accept-Encoding": "gzip, deflate, br"})
        assert (packed.status, packed.headers["Content-Encoding"], packed.headers["Vary"]) == (
            200, "gzip", "Accept-Encoding",
        )  # fmt: skip
        assert "Content-Encoding" not in plain.headers and gzip.decompress(packed.body) == plain.body
        assert len(packed.body) < len(plain.body) / 2
        for answer in (plain, packed):
            kept = answer.headers["Cache-Control"]
            assert ("immutable" in kept and "max-age=31536000" in kept) if "?v=" in script else "max-age=86400" in kept


@pytest.mark.slow
def test_a_script_that_has_not_changed_is_not_sent_again(whole: Running, scripts: list[str]) -> None:
    path, gzips = f"/{scripts[0]}", {"Accept-Encoding": "gzip"}
    known = whole.call("GET", path, headers=gzips).headers["Etag"]
    for encoding in ({}, gzips):
        again = whole.call("GET", path, headers={"If-None-Match": known, **encoding})
        assert (again.status, again.body) == (304, b"")


@pytest.mark.slow
def test_a_part_of_a_script_is_a_part_of_the_plain_one(whole: Running, scripts: list[str]) -> None:
    path = f"/{scripts[0]}"
    part = whole.call("GET", path, headers={"Accept-Encoding": "gzip", "Range": "bytes=0-9"})
    assert (part.status, part.body) == (206, whole.call("GET", path).body[:10])


@pytest.mark.slow
@pytest.mark.parametrize(
    "path",
    [
        "/static/js/none.js",
        "/static/extensions/panel/none.js",
        "/static/js/..%2f__init__.py",
        "/static/js/bokeh.js%00",
        "/static/extensions/panel/panel.js%00.js",
    ],
)
def test_there_is_no_other_file(whole: Running, path: str) -> None:
    assert whole.call("GET", path, headers={"Accept-Encoding": "gzip"}).status in (403, 404)
