"""Pages of other origins: those that were named come in with a key, no others do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.store.engines import keys_of
from tests.web.harness import Reply, Running, running
from tests.web.test_everything_is_gated import UPGRADE, load_dashboard
from vain import forms
from vain.errors import Misconfigured
from vain.settings import load

PAGE = "https://grafana.example"
ASKS = {"Origin": PAGE, "Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "authorization"}


class Guarded:
    """A server with a key that allows one other origin."""

    def __init__(self, run: Running, key: str) -> None:
        self.run, self.key = run, {"Authorization": f"Bearer {key}"}
        self.secret = key

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> Reply:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.run.call(method, path, body, {"Host": self.run.host, **sent})


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    with running(
        tmp_path_factory.mktemp("data"), load_dashboard, **{"allow-origin": [PAGE, "http://localhost:3000"]}
    ) as run:
        _, secret = run.server._services.keys.create("page", "admin")
        yield Guarded(run, secret)


def shared(reply: Reply) -> list[str]:
    return [name for name in reply.headers if name.lower().startswith("access-control-")]


def test_an_allowed_page_with_a_key_reads_and_writes(server: Guarded) -> None:
    reply = server.ask("POST", "/tasks", {"name": "x"}, Origin=PAGE, Sec_Fetch_Site="cross-site", **server.key)
    assert (reply.status, reply.headers["Access-Control-Allow-Origin"], reply.headers["Vary"]) == (201, PAGE, "Origin")
    exposed = reply.headers["Access-Control-Expose-Headers"]
    assert {"ETag", "Link", "Location", "X-Total-Count", "X-Vain-Seq", "X-Request-Id", "Retry-After"} <= set(
        exposed.split(", ")
    )
    assert reply.headers["Access-Control-Allow-Credentials"] is None
    large = server.ask("GET", "/performance", None, Origin=PAGE, Accept_Encoding="gzip", **server.key)
    assert large.headers["Vary"] == "Accept-Encoding, Origin"


def test_it_may_read_the_errors_too(server: Guarded) -> None:
    for path, headers, status in (("/nowhere", server.key, 404), ("/tasks", {}, 401)):
        reply = server.ask("GET", path, None, Origin=PAGE, **headers)
        assert (reply.status, reply.headers["Access-Control-Allow-Origin"]) == (status, PAGE)


def test_a_browser_may_ask_before_without_a_key(server: Guarded) -> None:
    reply = server.run.call(
        "OPTIONS", "/tasks/7", None, {"Host": server.run.host, **ASKS, "Sec-Fetch-Site": "cross-site"}
    )
    assert (reply.status, reply.headers["Access-Control-Allow-Origin"]) == (204, PAGE)
    assert {"PUT", "PATCH", "DELETE"} <= set(reply.headers["Access-Control-Allow-Methods"].split(", "))
    assert {"Authorization", "If-Match", "Idempotency-Key"} <= set(
        reply.headers["Access-Control-Allow-Headers"].split(", ")
    )
    assert (
        int(reply.headers["Access-Control-Max-Age"]) > 0 and reply.headers["Access-Control-Allow-Credentials"] is None
    )


@pytest.mark.parametrize("origin", [
    "https://evil.example", "http://grafana.example", "https://grafana.example:8443", "https://grafana.example.evil.example",
    "https://GRAFANA.example", "https://grafana.example/", "null", "*", "", "https://a.grafana.example", "http://localhost:3001",
])  # fmt: skip
def test_no_other_page_is_told_anything(server: Guarded, origin: str) -> None:
    for method, path, more in (("GET", "/tasks", server.key), ("OPTIONS", "/tasks", {}), ("POST", "/tasks", server.key),
                               ("GET", "/nowhere", {}), ("GET", "/assets/vain.css", {})):  # fmt: skip
        reply = server.run.call(method, path, None, {"Host": server.run.host, **ASKS, **more, "Origin": origin})
        assert (reply.status, shared(reply)) == (403, []), (method, path)


def test_two_origins_at_once_are_none(server: Guarded) -> None:
    sent = server.run.head("GET /tasks HTTP/1.1", f"Origin: {PAGE}", f"Origin: {PAGE}", "Connection: close")
    assert server.run.raw(sent).startswith(b"HTTP/1.1 403 ")


def test_a_foreign_host_is_refused_before(server: Guarded) -> None:
    for method in ("GET", "OPTIONS"):
        reply = server.run.call(method, "/tasks", None, {**ASKS, **server.key, "Host": "evil.example"})
        assert reply.status == 421


def cookie(server: Guarded) -> dict[str, str]:
    reply = server.ask("POST", "/login", {"key": server.secret}, Origin=f"http://{server.run.host}")
    return {"Cookie": reply.headers["Set-Cookie"].partition(";")[0]}


def test_the_cookie_is_worth_nothing_there(server: Guarded) -> None:
    signed_in = cookie(server)
    assert server.ask("GET", "/tasks", None, **signed_in).status == 200
    for method, body in (("GET", None), ("POST", {"name": "x"})):
        assert server.ask(method, "/tasks", body, Origin=PAGE, **signed_in).status == 401
    socket = server.run.call(
        "GET", "/ws/tasks", None, {**UPGRADE, "Host": server.run.host, "Origin": PAGE, **signed_in}
    )
    assert socket.status in (101, 401), "without the cookie, as anybody: a key has to follow"


def test_signing_in_and_the_pages_stay_shut(server: Guarded) -> None:
    for method, path in (("POST", "/login"), ("POST", "/logout"), ("GET", "/"), ("GET", "/board"), ("GET", "/ws")):
        body = {"key": server.secret} if method == "POST" else None
        assert server.ask(method, path, body, Origin=PAGE, **server.key).status == 403, path


def test_the_page_of_the_server_itself_is_told_nothing_of_this(server: Guarded) -> None:
    reply = server.ask("GET", "/tasks", None, Origin=f"http://{server.run.host}", **server.key)
    assert (reply.status, shared(reply), reply.headers["Vary"].endswith("Origin")) == (200, [], True)


def test_an_image_on_a_page_that_is_allowed_gets_nothing(server: Guarded) -> None:
    """It sends no Origin, so nothing says which page it stands on."""
    assert (
        server.ask("GET", "/tasks", None, Sec_Fetch_Site="cross-site", Sec_Fetch_Dest="image", **server.key).status
        == 403
    )


def test_questions_before_and_wrong_hosts_use_up_the_rate_too(tmp_path_factory: pytest.TempPathFactory) -> None:
    proxy = {"allow-origin": [PAGE], "trust-proxy": ["127.0.0.1"], "request-rate": 1}
    folder = tmp_path_factory.mktemp("data")
    with closing(keys_of(folder)) as keys:
        keys.create("page", "read")
    with running(folder, **proxy) as run:
        for sent, client in ((ASKS, "203.0.113.1"), ({"X-Forwarded-Host": "evil.example"}, "203.0.113.2")):
            headers = {"Host": run.host, "X-Forwarded-For": client, **sent}
            statuses = [run.call("OPTIONS", "/tasks", None, headers).status for _ in range(20)]
            assert statuses[0] in (204, 421) and statuses[-1] == 429


def test_it_is_off_unless_named(tmp_path_factory: pytest.TempPathFactory) -> None:
    with running(tmp_path_factory.mktemp("plain")) as run:
        reply = run.call("OPTIONS", "/tasks", None, ASKS)
        assert (reply.status, shared(reply)) == (403, [])
        assert run.call("GET", "/healthz").headers["Vary"] is None


@pytest.mark.parametrize(("text", "origins"), [
    ("https://grafana.example", ("https://grafana.example",)), ("HTTPS://Grafana.example:443/", ("https://grafana.example",)),
    ("http://localhost:3000, http://[::1]:80", ("http://localhost:3000", "http://[::1]")), ("", ()),
])  # fmt: skip
def test_an_origin_is_brought_into_the_form_that_browsers_send(text: str, origins: tuple[str, ...]) -> None:
    assert forms.origins(text) == origins


@pytest.mark.parametrize("text", ["*", "null", "grafana.example", "https://*.example", "https://a/b", "ftp://a", "https://a:0",
                                  "https://a:70000", "https://u@a", "file://"])  # fmt: skip
def test_what_is_no_origin_stops_the_start(text: str) -> None:
    with pytest.raises(Misconfigured, match="VAIN_ALLOW_ORIGIN"):
        load({}, {"VAIN_ALLOW_ORIGIN": text})
