"""``/metrics``: both text formats, read back with Prometheus' own parsers."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_open
from prometheus_client.parser import text_string_to_metric_families as read_plain
from websockets.sync.client import connect

from tests.web.harness import Running, running

OPEN = "application/openmetrics-text; version=1.0.0,text/plain;version=0.0.4;q=0.5"
DOCS = Path(__file__).resolve().parents[2] / "docs"
GRAFANA, DEPLOYMENT = DOCS / "grafana-dashboard.json", DOCS / "deployment.md"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("data")) as run:
        yield run


def scraped(server: Running) -> dict[str, Metric]:
    """The families of the plain format, by name; counters without ``_total``."""
    return {family.name: family for family in read_plain(server.call("GET", "/metrics").body.decode())}


def value(server: Running, name: str, **labels: str) -> float | None:
    samples = [sample for family in scraped(server).values() for sample in family.samples]
    return next((one.value for one in samples if one.name == name and one.labels.items() >= labels.items()), None)


def test_the_formats_say_the_same(server: Running) -> None:
    server.call("GET", "/metrics")  # so that requests have been counted
    plain, opened = server.call("GET", "/metrics"), server.call("GET", "/metrics", None, {"Accept": OPEN})
    assert plain.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert opened.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    assert opened.body.endswith(b"# EOF\n") and "Accept" in plain.headers["Vary"]
    names = {family.name for family in read_open(opened.body.decode())}
    assert names == {family.name for family in read_plain(plain.body.decode())} and len(names) > 30


@pytest.mark.parametrize("accept", ["application/openmetrics-text; version=x", "*/*", "text/html", "a" * 5_000, ""])
def test_no_wish_for_a_format_is_an_error(server: Running, accept: str) -> None:
    assert server.call("GET", "/metrics", None, {"Accept": accept}).status == 200


def test_figures_are_those_of_the_sample(server: Running) -> None:
    seen = server.call("GET", "/performance").json
    assert value(server, "vain_cpu_cores") == seen["cpu"]["cores_logical"]
    assert value(server, "vain_memory_total_bytes") == seen["memory"]["total_bytes"]
    ratio = value(server, "vain_memory_ratio")
    assert ratio is not None and 0 < ratio <= 1


def test_tasks_events_and_how_they_ended_are_counted(server: Running) -> None:
    before = value(server, "vain_events_total") or 0.0
    server.make(name="a", status="completed", outcome="failed")
    server.server._services.exporter._again_at = 0.0
    assert (value(server, "vain_events_total") or 0.0) > before
    assert value(server, "vain_tasks", status="completed") == value(server, "vain_tasks_failed") == 1
    assert value(server, "vain_attempts_total", outcome="failed") == 1


def test_answers_are_counted_by_template(server: Running) -> None:
    task = server.make(name="b")
    route = {"route": "/tasks/{task_id}", "method": "GET", "status": "2xx"}
    before = value(server, "vain_http_requests_total", **route) or 0.0
    for _ in range(3):
        server.call("GET", f"/tasks/{task['task_id']}")
    assert value(server, "vain_http_requests_total", **route) == before + 3


def test_what_anybody_asks_makes_no_series_of_its_own(server: Running) -> None:
    for path in ("/nowhere", "/elsewhere/7", "/tasks/x/y/z"):
        server.call("GET", path)
        server.call("BREW", path)
    assert value(server, "vain_http_requests_total", route="other", method="other") == 3
    routes = {sample.labels["route"] for sample in scraped(server)["vain_http_requests"].samples}
    assert routes <= {*server.server._desk.routes.table, "other"}


def test_clients_of_the_stream_are_counted(server: Running) -> None:
    assert value(server, "vain_stream_clients", transport="websocket") == 0
    with connect(server.socket_url) as socket:
        socket.recv(5)  # so it is one of the clients by now
        assert value(server, "vain_stream_clients", transport="websocket") == 1
        assert value(server, "vain_http_requests_total", route="/ws/tasks", status="1xx") == 1


def test_it_needs_the_role_read(tmp_path: Path) -> None:
    with running(tmp_path) as run:
        _, key = run.server._services.keys.create("prometheus", "read")
        assert run.call("GET", "/metrics").status == 401
        assert run.call("GET", "/metrics", None, {"Authorization": f"Bearer {key}"}).status == 200
        assert run.call("POST", "/metrics", {}, {"Authorization": f"Bearer {key}"}).status == 405


def test_every_expression_of_the_dashboard_names_metrics_that_are_there(server: Running) -> None:
    """Those of a disk, a GPU or a limit need not be there on this machine, so the names come from the code too."""
    known = {sample.name for family in scraped(server).values() for sample in family.samples} | every_name()
    document = json.loads(GRAFANA.read_text("utf-8"))
    expressions = [target["expr"] for panel in document["panels"] for target in panel.get("targets", [])]
    named = {name for expression in expressions for name in re.findall(r"\bvain_\w+", expression)}
    assert len(expressions) > 15 and named <= known, named - known


def test_the_documentation_gives_the_dashboard_away(server: Running) -> None:
    assert b'href="grafana-dashboard.json"' in server.call("GET", "/docs/deployment").body
    given = server.call("GET", "/docs/grafana-dashboard.json")
    assert (given.headers["Content-Type"], given.body) == ("application/json", GRAFANA.read_bytes())


def every_name() -> set[str]:
    from msgspec.structs import replace

    from tests.test_exposition import FIGURES, FULL
    from vain.catalog import METRICS
    from vain.exposition import families, prometheus_name

    of_catalog = {prometheus_name(metric) for metric in METRICS if not metric.name.startswith("task")}
    return of_catalog | {family.name for family in families(FULL, replace(FIGURES, leads=True))}


def test_the_document_names_metrics_and_a_scrape_that_there_are(server: Running, tmp_path: Path) -> None:
    text = DEPLOYMENT.read_text("utf-8")
    named = set(re.findall(r"`(vain_[a-z_]+)(?:\{|`)", text))
    assert len(named) > 8 and named <= every_name(), named - every_name()
    (scrape,) = (block for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) if "scrape_configs" in block)
    (job,) = yaml.safe_load(scrape)["scrape_configs"]
    assert server.call("GET", job["metrics_path"].removeprefix("/vain")).status == 200
    assert list(job["authorization"]) == ["credentials_file"]


def test_the_probes_of_the_document_find_the_server_ready(server: Running) -> None:
    (block,) = re.findall(r"```yaml\n(livenessProbe.*?)```", DEPLOYMENT.read_text("utf-8"), re.DOTALL)
    for probe in yaml.safe_load(block).values():
        (host,) = probe["httpGet"]["httpHeaders"]
        name = host["value"].replace("5006", str(server.port))
        assert server.call("GET", probe["httpGet"]["path"], None, {host["name"]: name}).status == 200


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_finds_nothing_to_complain_of(server: Running) -> None:
    body = server.call("GET", "/metrics").body
    told = subprocess.run(["promtool", "check", "metrics"], input=body, capture_output=True, timeout=20, check=False)
    assert told.returncode == 0, told.stderr
