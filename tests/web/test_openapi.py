"""``/openapi.json`` holds what it says: against the table of routes, the contract, and what is really answered."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.web.harness import Reply, Running, running
from vain.web import openapi
from vain.web.routes import Endpoint
from vain.web.table import table

TASK_FIELDS = """
    task_id name status priority created_at description message tags progress current total unit outcome exit_code error
    key parent_id due_at expect_next_in metadata source started_at completed_at updated_at heartbeat_at version attempt
    stale overdue eta resources
""".split()
"""The contract's, in its own words."""
CONTRACT = {
    "/tasks": {"get", "post"},
    "/tasks/{task_id}": {"get", "put", "patch", "delete"},
    "/tasks/bulk": {"post"},
    "/tasks/{task_id}/history": {"get"},
    "/ping/{key}": {"post"},
    "/ping/{key}/{word}": {"post"},
    "/performance": {"get"},
    "/performance/history": {"get"},
    "/performance/explain": {"get"},
    "/visualizations": {"get"},
    "/visualizations/{chart}": {"get"},
    "/events": {"get"},
    "/notifications": {"get"},
    "/notifications/{notification_id}": {"patch"},
    "/healthz": {"get"},
    "/readyz": {"get"},
    "/metrics": {"get"},
    "/openapi.json": {"get"},
    "/asyncapi.json": {"get"},
}
PLAIN = """
    /tasks /tasks/page /tasks/lanes /performance /performance/explain /performance/hosts /hosts /visualizations
    /notifications /firings /healthz /readyz /metrics /openapi.json /asyncapi.json /login
""".split()
"""What can be asked for without more."""
KNOWN = re.compile(r"known are: (.*)\.$")


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """As it is sent."""
    made: dict[str, Any] = json.loads(json.dumps(openapi.document(table().table)))
    return made


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("data")) as run:
        yield run


def endpoints() -> list[tuple[str, str, Endpoint]]:
    return [(path, method, endpoint) for path, methods in table().table.items() for method, endpoint in methods.items()]


def described(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method.upper(), said)
        for path, item in document["paths"].items()
        for method, said in item.items()
        if method != "parameters"
    ]


def walked(part: Any) -> Iterator[dict[str, Any]]:
    """Every object within a part of a document."""
    if isinstance(part, dict):
        yield part
    for each in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        yield from walked(each)


def found(document: dict[str, Any], reference: str) -> Any:
    part: Any = document
    for step in reference.removeprefix("#/").split("/"):
        part = part[step]
    return part


def test_every_route_declares_itself() -> None:
    silent = [(method, path) for path, method, endpoint in endpoints() if endpoint.operation is None]
    assert silent == []


def test_the_document_has_each_route_that_is_not_hidden_and_no_other(document: dict[str, Any]) -> None:
    ours = {
        (path, method, endpoint.needs)
        for path, method, endpoint in endpoints()
        if endpoint.operation and not endpoint.operation.hidden
    }
    assert {(path, method, said.get("x-role")) for path, method, said in described(document)} == ours


def test_the_contract_is_in_it(document: dict[str, Any]) -> None:
    for path, methods in CONTRACT.items():
        assert methods <= document["paths"][path].keys(), path
    schemas = document["components"]["schemas"]
    assert list(schemas["Task"]["properties"]) == schemas["Task"]["required"] == TASK_FIELDS
    assert schemas["Task"]["properties"]["status"] == {"enum": ["completed", "in-progress", "pending"]}
    assert schemas["TaskDraft"]["required"] == ["name"] and "required" not in document["paths"]["/tasks"]["get"]


def test_names_are_unique_and_whatever_is_referred_to_exists(document: dict[str, Any]) -> None:
    names = [said["operationId"] for _, _, said in described(document)]
    assert len(names) == len(set(names))
    for part in walked(document):
        if "$ref" in part:
            assert found(document, part["$ref"]), part
    links = [link for _, _, said in described(document) for answer in said["responses"].values()
             for link in answer.get("links", {}).values()]  # fmt: skip
    assert {link["operationId"] for link in links} <= set(names) and links
    assert {said["tags"][0] for _, _, said in described(document)} <= {tag["name"] for tag in document["tags"]}


def test_schemas_are_schemas_and_say_what_fields_mean(document: dict[str, Any]) -> None:
    for name, schema in document["components"]["schemas"].items():
        Draft202012Validator.check_schema(schema)
        assert schema["description"], name
        assert "``" not in json.dumps(schema), name
    sample = document["components"]["schemas"]["Sample"]["properties"]
    assert sample["uptime"]["description"] == "Seconds since the machine started."
    assert sample["timestamp"] == {"type": "string", "format": "date-time"}


def test_a_public_route_asks_for_no_key_and_each_other_names_both_ways(document: dict[str, Any]) -> None:
    for path, _, said in described(document):
        if "x-role" not in said:
            assert said["security"] == [] and ("401" in said["responses"]) == (said["operationId"] == "signIn")
        else:
            assert {"key": []} in said["security"] and "401" in said["responses"], path
    assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"


class Caller:
    """Asks, and holds each answer against the document."""

    def __init__(self, server: Running, document: dict[str, Any]) -> None:
        self.server, self.document = server, document
        self.covered: set[str] = set()

    def __call__(self, method: str, path: str, route: str, body: object = None, **headers: str) -> Reply:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        reply = self.server.call(method, path, body, sent)
        said = self.document["paths"][route][method.lower()]
        answer = said["responses"][str(reply.status)]
        if "$ref" in answer:
            answer = found(self.document, answer["$ref"])
        else:
            self.covered.add(said["operationId"])
        self.check(reply, answer)
        return reply

    def check(self, reply: Reply, answer: dict[str, Any]) -> None:
        for name in answer.get("headers", {}):
            assert name == "Link" or name in reply.headers, name
        content = {media.partition(";")[0]: each for media, each in answer.get("content", {}).items()}
        if not content:
            assert reply.body == b""
            return
        media = reply.headers["Content-Type"].partition(";")[0]
        assert media in content
        if media in ("application/json", "application/problem+json"):
            valid(self.document, content[media]["schema"], reply.json)


def valid(document: dict[str, Any], schema: dict[str, Any], value: Any) -> None:
    Draft202012Validator({**schema, "components": document["components"]}).validate(value)


@pytest.fixture
def ask(server: Running, document: dict[str, Any]) -> Caller:
    return Caller(server, document)


def test_every_operation_answers_as_it_says(ask: Caller) -> None:
    everything(ask)
    missing = {said["operationId"] for _, _, said in described(ask.document)} - ask.covered
    assert missing == {"followEvents", "signIn"}, "each of which has a test of its own"


def test_a_key_signs_in_as_the_document_says(document: dict[str, Any], tmp_path: Path) -> None:
    with running(tmp_path) as locked:
        _, key = locked.server._services.keys.create("somebody", "read")
        ask = Caller(locked, document)
        assert ask("POST", "/login", "/login", {"key": "wrong"}).status == 401
        assert ask("GET", "/tasks", "/tasks").headers["WWW-Authenticate"].startswith("Bearer")
        assert ask("POST", "/login", "/login", {"key": key}).status == 204
        assert ask("GET", "/login", "/login").status == 200


def test_events_begin_as_the_document_says(server: Running, document: dict[str, Any]) -> None:
    (media,) = document["paths"]["/events"]["get"]["responses"]["200"]["content"]
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        connection.sendall(server.head("GET /events HTTP/1.1"))
        begun = connection.recv(1 << 16)
    assert begun.startswith(b"HTTP/1.1 200 ") and f"Content-Type: {media}".encode() in begun


def everything(ask: Caller) -> None:
    """One good call of each operation, and the errors that are easily had."""
    made = ask("POST", "/tasks", "/tasks", {"name": "x", "key": "nightly", "tags": ["a"], "metadata": {"n": 1.5}})
    task = f"/tasks/{made.json['task_id']}"
    one = "/tasks/{task_id}"
    ask("PUT", task, one, {"status": "in-progress", "source": {"pid": 1, "host": "h"}, "current": 1, "total": 4})
    ask("PATCH", task, one, {"description": None}, Content_Type="application/merge-patch+json")
    for headers in ({}, {"If_None_Match": ask.server.call("GET", task).headers["ETag"]}):
        ask("GET", task, one, **headers)
    ask("POST", "/tasks/bulk", "/tasks/bulk", [{"name": "y"}, {"name": "z"}])
    ask("POST", "/tasks/bulk-update", "/tasks/bulk-update", {"ids": [2, 3], "patch": {"priority": "low"}})
    ask("POST", f"{task}/log", f"{one}/log", b"a line\n", Content_Type="text/plain")
    ask("GET", f"{task}/log", f"{one}/log")
    ask("POST", "/tasks/beats", "/tasks/beats", {"tasks": [made.json["task_id"]]})
    ask("PUT", task, one, {"outcome": "failed", "error": {"type": "E", "message": "m"}, "usage": {"cpu_seconds": 1}})
    for path in ("history", "runs"):
        ask("GET", f"{task}/{path}", f"{one}/{path}")
    for path in PLAIN:
        ask("GET", path, path)
    ask("GET", "/tasks?fields=task_id,eta&limit=1", "/tasks")
    ask("GET", "/tasks/page?limit=2", "/tasks/page")
    ask("GET", "/performance/history?after=-60&baseline=previous", "/performance/history")
    ask("GET", "/performance/history?after=-60&format=csv", "/performance/history")
    sample = b"timestamp,room.celsius\n2026-11-23T09:30:00Z,20.5\n"
    ask("POST", "/performance/history", "/performance/history", sample, Content_Type="text/csv")
    ask("GET", "/visualizations/completion", "/visualizations/{chart}")
    ask("GET", "/visualizations/completion?format=csv", "/visualizations/{chart}")
    note = ask("GET", "/notifications?limit=1", "/notifications").json[0]
    ask("PATCH", f"/notifications/{note['notification_id']}", "/notifications/{notification_id}", {"read": True})
    rules(ask)
    hosts(ask)
    ask("POST", "/ping/backup?every=1d", "/ping/{key}", b"", Content_Type="text/plain")
    ask("POST", "/ping/backup/3", "/ping/{key}/{word}", b"output", Content_Type="text/plain")
    ask("POST", "/logout", "/logout")
    ask("DELETE", task, one)
    for status, reply in errors(ask, task).items():
        assert reply.status == status, reply.body


def rules(ask: Caller) -> None:
    rule = {"name": "busy", "metric": "cpu.percent", "above": 95, "for": 60}
    ask("POST", "/rules", "/rules", rule)
    ask("GET", "/rules", "/rules")
    ask("PUT", "/rules/busy", "/rules/{name}", {**rule, "above": 97})
    ask("GET", "/rules/busy", "/rules/{name}")
    ask("GET", "/rules/busy/test?after=-60", "/rules/{name}/test")
    ask("POST", "/rules/test", "/rules/test", {"name": "x", "tasks": ["failed"]})
    ask("DELETE", "/rules/busy", "/rules/{name}")
    silence = ask("POST", "/silences", "/silences", {"seconds": 60, "rules": ["busy"]}).json
    ask("GET", "/silences", "/silences")
    ask("DELETE", f"/silences/{silence['silence_id']}", "/silences/{silence_id}")


def hosts(ask: Caller) -> None:
    report = {"agent": "a" * 32, "version": "1", "period_seconds": 1.0, "sent_at": 1.8e9}
    ask("POST", "/hosts/gpu-3/samples", "/hosts/{host}/samples", report)
    ask("POST", "/hosts/gpu-3/reports", "/hosts/{host}/reports", {"reports": []})
    ask("GET", "/hosts", "/hosts")
    ask("GET", "/hosts/gpu-3", "/hosts/{host}")
    ask("DELETE", "/hosts/gpu-3", "/hosts/{host}")


def errors(ask: Caller, gone: str) -> dict[int, Reply]:
    one = "/tasks/{task_id}"
    kept = f"/tasks/{ask('POST', '/tasks', '/tasks', {'name': 'kept'}).json['task_id']}"
    return {
        404: ask("GET", gone, one),
        400: ask("GET", "/tasks?nonsense=1", "/tasks"),
        422: ask("POST", "/tasks", "/tasks", {"name": ""}),
        415: ask("POST", "/tasks", "/tasks", b"x", Content_Type="text/plain"),
        413: ask("POST", "/tasks", "/tasks", b'{"name": "' + b"x" * 300_000 + b'"}'),
        412: ask("PUT", kept, one, {"progress": 1}, If_Match='"1-999"'),
        409: ask("PUT", kept, one, {"parent_id": 9_999}),
        403: ask("GET", "/tasks", "/tasks", Origin="https://evil.example"),
    }


def test_what_is_declared_is_what_the_gate_of_parameters_knows(server: Running, document: dict[str, Any]) -> None:
    asked = 0
    for path, method, said in described(document):
        here = (
            re.sub(r"\{\w+_id\}", "1", path)
            .replace("{chart}", "cpu")
            .replace("{word}", "3")
            .replace("{key}", "k")
            .replace("{name}", "cpu-busy")
            .replace("{host}", "gpu-3")
        )
        takes = said.get("requestBody", {}).get("content", {"": None})
        reply = server.call(method, f"{here}?nonsense=1", b"{}", {"Content-Type": next(iter(takes))} if takes else {})
        if reply.status == 400 and (known := KNOWN.search(reply.json["detail"])):
            names = [each["name"] for each in said["parameters"] if each["in"] == "query"]
            assert known[1] == (", ".join(names) or "none"), path
            asked += 1
    assert asked > 15


def test_the_document_is_sent_with_a_tag_and_needs_no_key(server: Running, document: dict[str, Any]) -> None:
    reply = server.call("GET", "/openapi.json")
    assert reply.json == document
    assert server.call("GET", "/openapi.json").headers["ETag"] == reply.headers["ETag"]


def test_docs_name_every_route(root: Path, document: dict[str, Any]) -> None:
    text = (root / "docs" / "rest.md").read_text("utf-8")
    missing = [path for path in document["paths"] if f"`{path}`" not in text]
    assert missing == []
