"""Behind proxies that end TLS, under a prefix: pages, sign-in, WebSocket and stream, for browsers and programs."""

from __future__ import annotations

import http.client
import json
import re
import ssl
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser
from websockets.sync.client import connect

from tests.browser import Visit, chromium, eventually, free_port
from tests.nginx import NGINX, nginx
from tests.store.engines import keys_of
from tests.web.harness import Reply, Running, running
from tests.web.reverse_proxy import PEM, reverse_proxy

pytestmark = pytest.mark.slow

DEPLOYMENT = Path(__file__).resolve().parents[2] / "docs" / "deployment.md"
PREFIX = "/vain"
PROXIES = ["keeps", "strips", "nginx"]
BROWSED = ["strips", "nginx" if NGINX else "keeps"]
"""nginx keeps the prefix too."""


def load_dashboard():  # type: ignore[no-untyped-def]  # a module as the protocol that it satisfies
    from vain.views import application

    return application


class Behind(NamedTuple):
    """A server behind a proxy: ``url`` is the outer address."""

    run: Running
    url: str
    key: str

    def ask(self, path: str) -> Reply:
        """The answer to one request through the proxy."""
        with self.answering(path) as answer:
            return Reply(answer.status, answer.headers, answer.read())

    @contextmanager
    def answering(self, path: str) -> Iterator[http.client.HTTPResponse]:
        """An answer whose body is still to be read."""
        connection = http.client.HTTPSConnection(urlsplit(self.url).netloc, timeout=10, context=trusting())
        with closing(connection):
            connection.request("GET", PREFIX + path, headers={"Authorization": f"Bearer {self.key}"})
            with connection.getresponse() as answer:
                yield answer


def trusting() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(PEM))


def nginx_from_the_document(port: int, upstream_port: int) -> str:
    """The configuration that the document gives, with other ports and this certificate."""
    found = re.search(r"```nginx\n(.*?)```", DEPLOYMENT.read_text("utf-8"), re.DOTALL)
    assert found is not None
    told = found[1].replace("127.0.0.1:5006", f"127.0.0.1:{upstream_port}").replace("443 ssl", f"127.0.0.1:{port} ssl")
    return re.sub(r"/etc/ssl/vain\.\w+", str(PEM), told).replace("vain.example.org", "localhost")


@contextmanager
def standing(kind: str, folder: Path) -> Iterator[Behind]:
    port = free_port()
    (folder / "data").mkdir(mode=0o700)
    keys = keys_of(folder / "data")
    _, key = keys.create("somebody", "write")
    keys.close()
    options: dict[str, Any] = {"trust-proxy": ["127.0.0.1"], "allow-host": [f"localhost:{port}"]}
    if kind != "strips":
        options["prefix"] = PREFIX
    with running(folder / "data", load_dashboard, **options) as run:
        if kind == "nginx":
            with nginx(folder, nginx_from_the_document(port, run.port)):
                behind = Behind(run, f"https://localhost:{port}{PREFIX}", key)
                assert eventually(lambda: answers(behind))
                yield behind
        else:
            with reverse_proxy(port, run.port, PREFIX, strips=kind == "strips") as url:
                yield Behind(run, url, key)


def answers(behind: Behind) -> bool:
    try:
        return behind.ask("/healthz").status == 200
    except OSError:
        return False


@pytest.fixture(scope="module", params=PROXIES)
def behind(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Behind]:
    if request.param == "nginx" and NGINX is None:
        pytest.skip("nginx is neither here nor to be had")
    with standing(request.param, tmp_path_factory.mktemp("proxy")) as made:
        yield made


@pytest.fixture(scope="module")
def browser(chromium_path: str) -> Iterator[Browser]:
    with chromium(chromium_path) as opened:
        yield opened


def test_rest_answers_with_outer_addresses(behind: Behind) -> None:
    for _ in range(2):
        behind.run.call("POST", "/tasks", {"name": "x"}, {"Authorization": f"Bearer {behind.key}"})
    answer = behind.ask("/tasks?limit=1")
    assert (answer.status, len(answer.json)) == (200, 1)
    assert (answer.headers["Link"] or "").startswith("</vain/tasks?")
    assert behind.ask("/nowhere").json["instance"] == "/vain/nowhere"


def test_the_socket_opens_for_a_page_of_the_outer_host_alone(behind: Behind) -> None:
    address = "wss" + behind.url.removeprefix("https") + "/ws/tasks"
    own = f"https://{urlsplit(behind.url).netloc}"
    headers = {"Authorization": f"Bearer {behind.key}"}
    with connect(address, ssl=trusting(), additional_headers=headers, origin=own) as socket:  # type: ignore[arg-type]
        assert json.loads(socket.recv(5))["type"]
    with pytest.raises(Exception, match="403"):
        connect(address, ssl=trusting(), additional_headers=headers, origin="https://evil.example")  # type: ignore[arg-type]


def test_the_stream_flows_through(behind: Behind) -> None:
    with behind.answering("/events") as stream:
        assert (stream.status, stream.headers["Content-Type"].partition(";")[0]) == (200, "text/event-stream")
        lines = [stream.readline() for _ in range(6)]
    assert any(line.startswith(b"data:") for line in lines)


@pytest.mark.parametrize("behind", BROWSED, indirect=True)
def test_a_browser_signs_in_and_looks_around(behind: Behind, browser: Browser) -> None:
    visit = Visit(browser, f"{behind.url}/board", ignore_https_errors=True)
    page, failed = visit.page, []
    page.on("response", lambda answer: failed.append(answer.url) if answer.status >= 400 else None)
    assert page.url == f"{behind.url}/login?next=/board"
    page.get_by_role("textbox").fill(behind.key)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{behind.url}/board")
    page.wait_for_selector("#live[data-state=live]")
    (cookie,) = page.context.cookies()
    assert (cookie["name"], cookie["path"], cookie["secure"]) == ("__Secure-vain", PREFIX, True)
    page.locator("nav").get_by_role("link", name="Timeline").click()
    page.wait_for_url(f"{behind.url}/")
    visit.drawn()
    page.keyboard.press("g")
    page.keyboard.press("n")
    page.wait_for_url(f"{behind.url}/alerts")
    page.wait_for_selector("#live[data-state=live]")
    page.locator("#sign-out").click()
    page.wait_for_url(f"{behind.url}/login")
    assert visit.paths and all(path.startswith(f"{PREFIX}/") for path in visit.paths), visit.paths
    assert (visit.foreign, failed, visit.complaints) == ([], [], [])
    visit.close()
