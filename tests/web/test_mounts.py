"""The dashboard behind our door: what happens when it cannot be opened."""

from __future__ import annotations

from pathlib import Path

import pytest
from tornado.web import Application, RequestHandler

from tests.web.harness import running
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
