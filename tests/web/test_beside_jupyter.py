"""The dashboard within a Jupyter server, through jupyter-server-proxy, as the document says."""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.browser import Visit, chromium, eventually, free_port
from tests.web.harness import running

# Jupyter alone takes ten seconds to start on a machine that is busy, and has taken forty.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

TOKEN = "a-token-of-jupyter"


def load_dashboard():  # type: ignore[no-untyped-def]  # a module as the protocol that it satisfies
    from vain.views import application

    return application


@contextmanager
def jupyter(folder: Path, port: int) -> Iterator[str]:
    """A Jupyter server with nothing of the user's own."""
    folders = {f"JUPYTER_{kind}_DIR": str(folder / kind) for kind in ("CONFIG", "DATA", "RUNTIME")}
    options = ["--no-browser", "--allow-root", f"--port={port}", f"--IdentityProvider.token={TOKEN}",
        f"--ServerApp.root_dir={folder}", "--ServerApp.jpserver_extensions={'jupyter_server_proxy': True}"]  # fmt: skip
    command = [sys.executable, "-m", "jupyter_server", *options]
    log = (folder / "jupyter.log").open("wb")
    process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, **folders, "HOME": str(folder)})
    try:
        assert eventually(lambda: _answers(port), 90), (folder / "jupyter.log").read_text()[-2_000:]
        yield f"http://localhost:{port}"
    finally:
        process.terminate()
        process.wait(20)
        log.close()


def _answers(port: int) -> bool:
    with closing(http.client.HTTPConnection("localhost", port, timeout=5)) as connection:
        try:
            connection.request("GET", "/api")
            return connection.getresponse().status == 200
        except OSError:
            return False


def test_the_dashboard_lives_below_jupyters_addresses(tmp_path: Path, chromium_path: str) -> None:
    port = free_port()
    with (
        running(tmp_path / "data", load_dashboard, **{"allow-host": [f"localhost:{port}"]}) as run,
        jupyter(tmp_path, port) as url,
        chromium(chromium_path) as browser,
    ):
        outer = f"/proxy/{run.port}/"
        visit = Visit(browser, f"{url}{outer}board?token={TOKEN}")
        page = visit.page
        page.wait_for_selector("#live[data-state=live]")
        page.locator("nav").get_by_role("link", name="Timeline").click()
        page.wait_for_url(f"{url}{outer}")
        visit.drawn()
        assert all(path.startswith(outer) for path in visit.paths), visit.paths
        assert (visit.foreign, visit.complaints) == ([], [])
        visit.close()
