"""No path is outside of the gate: neither ours, nor the sockets, nor those of the dashboard that we did not write."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.web.harness import Reply, Running, running
from vain import source
from vain.errors import Misconfigured
from vain.web.exchange import Desk, Exchange
from vain.web.listening import Front
from vain.web.mounts import STATIC_PREFIXES
from vain.web.routes import Endpoint
from vain.web.table import table

PUBLIC = {
    "/healthz",
    "/readyz",
    "/oauth/begin",
    "/oauth/callback",
    "/login",
    "/logout",
    "/assets/{file}",
    "/static/vain.js",
    "/static/vain.d.ts",
    "/favicon.ico",
    "/openapi.json",
    "/asyncapi.json",
    "/docs",
    "/docs/{page}",
}
"""All that may be asked for without a key, besides Bokeh's own scripts."""
ROLES = {
    ("POST", "/rules"): "admin",
    ("PUT", "/rules/{name}"): "admin",
    ("DELETE", "/rules/{name}"): "admin",
    ("POST", "/rules/test"): "read",
    ("DELETE", "/hosts/{host}"): "admin",
    ("POST", "/hosts/{host}/samples"): "agent",
    ("POST", "/hosts/{host}/reports"): "agent",
}
"""Rules are the administrator's; to try one changes nothing. An agent writes its own host, and no more."""
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZQ==",
}
METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW")


def load_dashboard():  # type: ignore[no-untyped-def]  # a module as the protocol that it satisfies
    from vain.views import application

    return application


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server without keys, with its dashboard."""
    with running(tmp_path_factory.mktemp("open"), load_dashboard) as run:
        yield run


@pytest.fixture
def locked(server: Running, tmp_path: Path) -> Iterator[Running]:
    """A server with a key, with its dashboard. The pages of a process show one source, so the other's is put back."""
    shown = source.current()
    with running(tmp_path, load_dashboard) as run:
        run.server._services.keys.create("somebody", "read")
        yield run
    source.use(shown)


def ours() -> list[str]:
    return [
        re.sub(r"\{[^}]*_id\}", "1", path).replace("{chart}", "cpu").replace("{file}", "vain.css")
        for path in table().table
    ]


def mounted(server: Running) -> list[str]:
    return server.server._desk.mounts.paths


BOKEHS = ["/autoload.js", "/metadata", "/static/js/bokeh.min.js", "/static/extensions/panel/panel.min.js",
    "/static/css/x.css",
          "/liveness", "/rest/", "/components/x", "/board/autoload.js", "/board/metadata", "/overview", "/index.html",
          "/static/../secret", "/proxy/", "/ws", "/board/ws", "/nowhere", "/login/", "//", "/ws/tasks/",
          "/ws/other"]  # fmt: skip


def every_path(server: Running) -> list[str]:
    return [*ours(), *mounted(server), *BOKEHS]


def ask(server: Running, method: str, path: str, **headers: str) -> Reply:
    return server.call(
        method, path, None, {"Host": server.host, **{name.replace("_", "-"): value for name, value in headers.items()}}
    )


def test_the_table_and_the_mounts_are_what_is_walked(server: Running) -> None:
    assert {"/ws/tasks", "/", "/ws", "/board", "/board/ws"} <= set(mounted(server))
    assert {"/tasks", "/tasks/{task_id}", "/performance", "/visualizations"} <= set(server.server._desk.routes.table)


def test_a_foreign_host_gets_421_everywhere(server: Running) -> None:
    for path in every_path(server):
        for method in METHODS:
            reply = server.call(method, path, None, {"Host": f"evil.example:{server.port}"})
            assert reply.status == 421, (method, path)
            assert reply.headers["Content-Type"] == "application/problem+json"
        for host in ("evil.example", f"localhost.evil.example:{server.port}", ""):
            assert server.call("GET", path, None, {"Host": host}).status == 421, (path, host)


def test_a_foreign_page_gets_403_everywhere(server: Running) -> None:
    for path in every_path(server):
        for method in METHODS:
            assert ask(server, method, path, Origin="https://evil.example").status == 403, (method, path)
        for origin in ("null", f"https://localhost:{server.port}", "http://localhost"):
            assert ask(server, "GET", path, Origin=origin).status == 403, (path, origin)


def test_a_foreign_host_or_page_opens_no_socket(server: Running) -> None:
    for path in every_path(server):
        assert ask(server, "GET", path, **UPGRADE, Origin="https://evil.example").status == 403, path
        assert server.call("GET", path, None, {**UPGRADE, "Host": "evil.example"}).status == 421, path
        assert ask(server, "GET", path, **UPGRADE, Sec_Fetch_Site="cross-site").status == 403, path


def test_without_a_key_nothing_but_the_public_list_answers(locked: Running) -> None:
    public = [path for path, written in zip(ours(), table().table, strict=True) if written in PUBLIC]
    for path in every_path(locked):
        if path.startswith(STATIC_PREFIXES):
            continue
        for headers in ({}, UPGRADE):
            status = ask(locked, "GET", path, **headers).status
            if path in public:
                assert status != 401, path
            else:
                assert status == 401, (path, status)


def test_without_a_key_nothing_can_be_changed(locked: Running) -> None:
    for path in every_path(locked):
        for method in ("POST", "PUT", "PATCH", "DELETE", "BREW"):
            reply = locked.call(method, path, {})
            assert reply.status in (401, 405) or path in ("/login", "/logout") or "/assets/" in path, (
                method,
                path,
                reply.status,
            )


def test_a_wrong_key_is_no_better_than_none(locked: Running) -> None:
    locked.server._services.gate._failures.__init__(lambda: 0.0)  # type: ignore[misc]
    for path in ("/tasks", "/", "/ws/tasks", "/board/ws", "/nowhere"):
        assert ask(locked, "GET", path, Authorization="Bearer vain_no").status == 401


def test_a_browser_without_a_key_is_sent_to_sign_in(locked: Running) -> None:
    for path in ("/", "/board", "/machine", "/fleet"):
        reply = ask(locked, "GET", path, Accept="text/html,*/*")
        assert reply.status == 303 and reply.headers["Location"].startswith("/login?next=")
    assert ask(locked, "GET", "/tasks", Accept="text/html").status == 401


@pytest.mark.slow
def test_every_rule_of_the_dashboard_is_walked(server: Running) -> None:
    """The rules are Bokeh's and Panel's; one that appears with a new version must not open a door."""
    application = server.await_on_loop(server.server._desk.mounts._dashboard())
    patterns = [rule.matcher.regex.pattern for group in application.default_router.rules for rule in group.target.rules]
    assert len(patterns) > 5
    for pattern in patterns:
        path = re.sub(r"\(.*\)|[\\^$?]", "", pattern).replace(".*", "x") or "/"
        assert server.call("GET", path, None, {"Host": "evil.example"}).status == 421, pattern
        assert ask(server, "GET", path, Origin="https://evil.example").status == 403, pattern


@pytest.mark.slow
def test_bokehs_scripts_need_a_key_like_the_pages(locked: Running) -> None:
    """Else anybody could have the dashboard loaded, which takes a second and 50 MB."""
    for path in ("/static/js/bokeh.min.js", "/static/extensions/panel/panel.min.js"):
        assert ask(locked, "GET", path).status == 401
        assert ask(locked, "POST", path, Content_Type="application/json").status in (401, 405)


@pytest.mark.slow
def test_bokehs_doors_that_nobody_needs_are_shut(server: Running) -> None:
    """A session made by any page costs 25 ms; embedding is not offered."""
    for path in ("/autoload.js?bokeh-autoload-element=1", "/board/autoload.js", "/metadata", "/board/metadata",
    "/static/css/x.css",
                 "/static/js/../../../../etc/passwd", "/static/extensions/panel/..%2f..%2fx",
                 "/static/extensions/other/x"):  # fmt: skip
        reply = ask(server, "GET", path)
        assert reply.status in (403, 404) and reply.headers["Content-Type"] == "application/problem+json", path


@pytest.mark.slow
def test_pages_and_scripts_carry_our_headers(server: Running) -> None:
    for path in ("/", "/static/js/bokeh.min.js", "/assets/vain.css", "/login", "/nowhere"):
        headers = ask(server, "GET", path).headers
        assert headers["X-Content-Type-Options"] == "nosniff", path
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"], path
        assert (headers["X-Frame-Options"] == "DENY") == (path == "/"), path
        assert headers["Server"] is None and headers["Access-Control-Allow-Origin"] is None, path


@pytest.mark.slow
def test_pages_answer_head_and_options(server: Running) -> None:
    for path in ("/", "/board"):
        assert ask(server, "OPTIONS", path).headers["Allow"] == "GET, HEAD, OPTIONS"
        assert ask(server, "HEAD", path).status == 200


@pytest.mark.slow
def test_the_role_header_of_a_client_is_thrown_away(server: Running) -> None:
    reply = ask(server, "GET", "/", X_Vain_Role="nobody")
    assert reply.status == 200


def test_the_http_server_calls_nothing_but_the_front(server: Running) -> None:
    desk = server.server._desk
    assert isinstance(desk, Desk)
    front = Front(desk)
    assert isinstance(front.start_request(object(), object()), Exchange)  # type: ignore[arg-type]


def test_every_endpoint_says_what_it_needs() -> None:
    for path, methods in table().table.items():
        for method, endpoint in methods.items():
            assert isinstance(endpoint, Endpoint)
            assert (endpoint.needs is None) == (path in PUBLIC), (method, path)
            if endpoint.needs is not None:
                usual = "read" if method == "GET" else "write"
                assert endpoint.needs == ROLES.get((method, path), usual), (method, path)


def test_a_page_may_not_hide_a_route(tmp_path: Path) -> None:
    pages = tmp_path / "pages"
    pages.mkdir()
    (pages / "tasks.py").write_text("")
    with pytest.raises(Misconfigured, match="hide"), running(tmp_path / "data", load_dashboard, pages=pages):
        pass
