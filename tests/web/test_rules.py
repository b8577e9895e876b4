"""``/rules`` and ``/silences``: made, changed, tried over the stored history, and acknowledged."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.store.engines import keys_of
from tests.web.harness import Running, running
from vain.alerting.rule import DEFAULT_RULES

FILE = """
[[rules]]
name = "of-the-file"
metric = "disk.percent:/"
above = 99.5

[[silences]]
rules = ["cpu-busy"]
recurring = {start = "02:00", seconds = 3600, timezone = "Europe/Berlin"}
"""
BUSY = {"name": "busy", "metric": "cpu.percent", "above": 80, "clear": 60, "for": 120}
NUMBERS = count(1)
BEGIN = 1_790_000_000
MINUTE = 60


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("data")
    file = folder / "vain.toml"
    file.write_text(FILE)
    with running(folder / "data", rules=file) as run:
        yield run


def made(server: Running, **fields: object) -> str:
    """The address of a new rule."""
    reply = server.call("POST", "/rules", {**BUSY, "name": f"rule-{next(NUMBERS)}", **fields})
    assert reply.status == 201, reply.body
    return str(reply.headers["Location"])


def fails(server: Running, name: str) -> dict[str, Any]:
    """What is told when a task of this name fails, for which a rule was made."""
    server.call("POST", "/rules", {"name": name, "tasks": ["failed"], "task": name})
    server.make(name=name, status="completed", outcome="failed")
    found: dict[str, Any] = server.call("GET", "/notifications?limit=1&kind=rule.fired").json[0]
    return found


def test_those_of_vain_and_of_the_file_are_there_with_who_made_them(server: Running) -> None:
    rules = {rule["name"]: rule for rule in server.call("GET", "/rules").json}
    assert {rule.name for rule in DEFAULT_RULES} | {"of-the-file"} <= rules.keys() and list(rules) == sorted(rules)
    assert (rules["cpu-busy"]["origin"], rules["of-the-file"]["origin"]) == ("default", "file")
    assert rules["of-the-file"]["above"] == 99.5 and rules["cpu-busy"]["firing"] == []


def test_a_rule_is_made_and_is_where_its_location_says(server: Running) -> None:
    reply = server.call("POST", "/rules", BUSY)
    assert (reply.status, reply.headers["Location"]) == (201, "/rules/busy")
    assert server.call("GET", "/rules/busy").json == reply.json
    assert {name: reply.json[name] for name in BUSY} == BUSY
    assert (reply.json["origin"], reply.json["firing"], reply.json["level"]) == ("api", [], "warning")


def test_what_was_read_may_be_changed_and_put_back(server: Running) -> None:
    path = made(server)
    read = server.call("GET", path).json
    reply = server.call("PUT", path, {**read, "above": 90})
    assert (reply.status, reply.json) == (200, {**read, "above": 90}) and server.call("GET", path).json == reply.json


def test_a_default_is_switched_off_and_comes_back_as_it_was(server: Running) -> None:
    default = server.call("GET", "/rules/memory-low").json
    off = server.call("PUT", "/rules/memory-low", {**default, "enabled": False}).json
    assert (off["enabled"], off["origin"]) == (False, "api")
    assert server.call("DELETE", "/rules/memory-low").status == 204
    assert server.call("GET", "/rules/memory-low").json == default
    reply = server.call("DELETE", "/rules/memory-low")
    assert reply.status == 409 and "enabled" in reply.json["detail"]


def test_a_rule_is_forgotten(server: Running) -> None:
    path = made(server)
    assert server.call("DELETE", path).status == 204
    assert {server.call(method, path).status for method in ("GET", "DELETE")} == {404}


@pytest.mark.parametrize(("rule", "where"), [
    ({"above": 5, "below": 4}, ["/below"]), ({}, [""]), ({"above": 5, "clear": 6}, ["/clear"]),
    ({"above": 5, "metric": "cpu.prcent"}, ["/metric"]), ({"above": 5, "metric": None}, ["/metric"]),
    ({"above": "5"}, ["/above"]), ({"above": 5, "for": -1}, ["/for"]), ({"above": 5, "abov": 1}, ["/abov"]),
    ({"above": 5, "name": "Not one"}, ["/name"]), ({"above": 5, "name": "test"}, ["/name"]),
    ({"above": 5, "tag": "a", "task": "b"}, ["/task", "/tag"]), ({"reaches": 100}, ["/within"]),
    ({"tasks": ["failed"], "metric": None, "for": 60}, ["/for"]), ({"tasks": ["gone"], "metric": None}, ["/tasks/0"]),
])  # fmt: skip
def test_every_flaw_of_a_rule_has_its_place(server: Running, rule: dict[str, object], where: list[str]) -> None:
    given = {"name": "flawed", "metric": "cpu.percent", **rule}
    for method, path in (("POST", "/rules"), ("PUT", "/rules/flawed"), ("POST", "/rules/test")):
        reply = server.call(method, path, given)
        assert reply.status == 422 and reply.headers["Content-Type"] == "application/problem+json"
        assert sorted(reply.pointers) == sorted(where), (method, reply.json)


def test_the_name_in_the_address_is_that_of_the_rule(server: Running) -> None:
    reply = server.call("PUT", "/rules/other", BUSY)
    assert (reply.status, reply.pointers) == (422, ["/name"])


def test_a_name_that_is_taken_and_a_rule_of_the_file_are_conflicts(server: Running) -> None:
    taken = server.call("POST", "/rules", {**BUSY, "name": made(server).rpartition("/")[2]})
    assert taken.status == 409 and "already" in taken.json["detail"]
    for method, body in (("PUT", {**BUSY, "name": "of-the-file"}), ("DELETE", None)):
        reply = server.call(method, "/rules/of-the-file", body)
        assert reply.status == 409 and "file" in reply.json["detail"]


def test_the_list_is_not_sent_again_while_it_is_the_same(server: Running) -> None:
    tag = server.call("GET", "/rules").headers["ETag"]
    same = server.call("GET", "/rules", headers={"If-None-Match": tag})
    assert (same.status, same.body, same.headers["ETag"]) == (304, b"", tag)
    made(server)
    assert server.call("GET", "/rules", headers={"If-None-Match": tag}).status == 200


def at(minutes: float) -> str:
    """So many minutes after the imported history begins, as a parameter."""
    return str(BEGIN + minutes * MINUTE)


@pytest.fixture(scope="module")
def past(server: Running) -> Running:
    """A server whose history has an hour that is calm but for five minutes at 95 %, and then two."""
    busy = {*range(10, 15), *range(30, 32)}
    rows = [f"{BEGIN + 15 * i},{95 if i // 4 in busy else 20}" for i in range(240)]
    text = "\n".join(["timestamp,cpu.percent", *rows, ""])
    reply = server.call("POST", "/performance/history", text.encode(), {"Content-Type": "text/csv"})
    assert reply.status in (200, 201), reply.body
    return server


def test_a_rule_says_when_it_would_have_fired(past: Running) -> None:
    window = f"after={at(0)}&before={at(60)}"
    reply = past.call("POST", f"/rules/test?{window}", {**BUSY, "name": "tried"})
    [firing] = reply.json["firings"]
    assert reply.status == 200 and (firing["rule"], firing["subject"]) == ("tried", "cpu.percent")
    assert firing["since"] == pytest.approx(BEGIN + 10 * MINUTE, abs=30)
    assert firing["fired_at"] == pytest.approx(BEGIN + 12 * MINUTE, abs=60)
    assert firing["until"] == pytest.approx(BEGIN + 15 * MINUTE, abs=60) and firing["peak"] == 95
    assert reply.json["step_seconds"] > 0 and past.call("GET", "/rules/tried").status == 404
    twice = past.call("POST", f"/rules/test?{window}", {**BUSY, "name": "tried", "for": 60}).json
    assert len(twice["firings"]) == 2 and twice["rule"]["for"] == 60


def test_a_stored_rule_says_the_same(past: Running) -> None:
    path, window = made(past), f"after={at(0)}&before={at(60)}"
    stored = past.call("GET", f"{path}/test?{window}").json
    given = past.call("POST", f"/rules/test?{window}", {**BUSY, "name": path.rpartition("/")[2]}).json
    assert stored == given and len(stored["firings"]) == 1
    assert past.call("GET", f"{path}/test?after={at(20)}&before={at(25)}").json["firings"] == []


def test_a_rule_about_tasks_is_tried_on_how_they_ended(server: Running) -> None:
    for outcome in ("failed", "failed", "succeeded", "failed"):
        server.make(name="tried task", status="completed", outcome=outcome)
    tested = server.call("POST", "/rules/test", {"name": "x", "tasks": ["failed"], "task": "tried task"}).json
    assert [(each["subject"], each["until"] is None) for each in tested["firings"]] == [
        ("tried task", False), ("tried task", True),
    ]  # fmt: skip
    assert tested["step_seconds"] is None


@pytest.mark.parametrize("window", ["after=-9000000", "after=-10&before=-20", "after=x", "before=x"])
def test_a_window_that_cannot_be_is_named(server: Running, window: str) -> None:
    wrong = "before" if window.startswith("before") else "after"
    for method, path, body in (("GET", "/rules/cpu-busy/test", None), ("POST", "/rules/test", BUSY)):
        reply = server.call(method, f"{path}?{window}", body)
        assert (reply.status, reply.pointers) == (400, [wrong])


def test_what_fires_stands_with_its_rule_and_is_acknowledged_while_it_does(server: Running) -> None:
    told = fails(server, "nightly")
    [alert] = server.call("GET", "/rules/nightly").json["firing"]
    assert (alert["subject"], alert["event"], alert["notification_id"]) == (
        "nightly",
        "failed",
        told["notification_id"],
    )
    path = f"/notifications/{told['notification_id']}"
    reply = server.call("PATCH", path, {"acknowledged": True})
    assert reply.status == 200 and reply.json == {**told, "read": True}
    assert server.call("GET", "/rules/nightly").json["firing"][0]["acknowledged_at"] is not None
    server.make(name="nightly", status="completed", outcome="succeeded")
    assert server.call("GET", "/rules/nightly").json["firing"] == []
    late = server.call("PATCH", path, {"acknowledged": True})
    assert late.status == 409 and late.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(("body", "where"), [
    ({"acknowledged": False}, "/acknowledged"), ({"acknowledged": None, "read": None}, ""),
])  # fmt: skip
def test_only_yes_is_an_acknowledgement(server: Running, body: object, where: str) -> None:
    told = fails(server, "other-job")
    reply = server.call("PATCH", f"/notifications/{told['notification_id']}", body)
    assert (reply.status, reply.pointers) == (422, [where])


def test_what_no_rule_told_cannot_be_acknowledged(server: Running) -> None:
    server.make(name="plain", status="completed", outcome="failed")
    newest = server.call("GET", "/notifications?limit=1&kind=task.failed").json[0]
    assert server.call("PATCH", f"/notifications/{newest['notification_id']}", {"acknowledged": True}).status == 409
    assert server.call("PATCH", "/notifications/999999", {"acknowledged": True}).status == 404


def test_a_silence_is_made_listed_and_ended(server: Running) -> None:
    reply = server.call("POST", "/silences", {"rules": ["quiet-job"], "seconds": 60, "comment": "<i>moving</i>"})
    made_one = reply.json
    assert (reply.status, reply.headers["Location"]) == (201, f"/silences/{made_one['silence_id']}")
    assert made_one["until"] > made_one["created_at"] and made_one["comment"] == "<i>moving</i>"
    of_file, *others = server.call("GET", "/silences").json
    assert of_file["recurring"]["start"] == "02:00" and made_one in others
    assert fails(server, "quiet-job")["quiet"] is True
    assert server.call("DELETE", reply.headers["Location"]).status == 204
    assert server.call("DELETE", reply.headers["Location"]).status == 404
    assert made_one not in server.call("GET", "/silences").json
    refused = server.call("DELETE", f"/silences/{of_file['silence_id']}")
    assert refused.status == 409 and "file" in refused.json["detail"]


@pytest.mark.parametrize(("draft", "where"), [
    ({}, ""), ({"seconds": 60, "until": "2030-01-01T00:00:00Z"}, "/seconds"), ({"seconds": 0}, "/seconds"),
    ({"until": "2020-01-01T00:00:00Z"}, "/until"), ({"until": "soon"}, "/until"),
    ({"seconds": 60, "rule": "x"}, "/rule"),
    ({"seconds": 60, "rules": ["Not one"]}, "/rules/0"),
    ({"recurring": {"start": "25:00", "seconds": 60}}, "/recurring/start"),
    ({"recurring": {"start": "02:00", "seconds": 60, "timezone": "Mars"}}, "/recurring/timezone"),
])  # fmt: skip
def test_a_silence_that_cannot_be_names_the_field(server: Running, draft: dict[str, object], where: str) -> None:
    reply = server.call("POST", "/silences", draft)
    assert (reply.status, reply.pointers) == (422, [where])


def test_one_may_look_another_silence_and_only_an_admin_makes_rules(tmp_path: Path) -> None:
    with closing(keys_of(tmp_path)) as ring:
        keys = {role: {"Authorization": f"Bearer {ring.create(role, role)[1]}"} for role in ("read", "write", "admin")}
    asked = [
        ("GET", "/rules", None, "read"), ("GET", "/silences", None, "read"),
        ("GET", "/rules/cpu-busy/test?after=-60", None, "read"), ("POST", "/rules/test?after=-60", BUSY, "read"),
        ("POST", "/silences", {"seconds": 60}, "write"), ("DELETE", "/silences/1001", None, "write"),
        ("POST", "/rules", BUSY, "admin"), ("PUT", "/rules/busy", BUSY, "admin"),
        ("DELETE", "/rules/busy", None, "admin"),
    ]  # fmt: skip
    with running(tmp_path) as server:
        for method, path, body, needs in asked:
            assert server.call(method, path, body).status == 401
            for role, key in keys.items():
                status = server.call(method, path, body, key).status
                if list(keys).index(role) < list(keys).index(needs):
                    assert status == 403, (method, path, role)
                elif role == needs:
                    assert status // 100 == 2, (method, path, role)


def test_when_rules_fired_is_told_with_how_it_ended(server: Running) -> None:
    told = fails(server, "told-later")
    [fired] = [each for each in server.call("GET", "/firings").json if each["rule"] == "told-later"]
    assert fired == {
        "rule": "told-later", "title": told["title"], "level": "warning", "metric": None, "task_id": told["task_id"],
        "since": told["since"], "fired_at": told["timestamp"], "until": None, "host": None,
        "notification_id": told["notification_id"],
    }  # fmt: skip
    server.make(name="told-later", status="completed")
    [over] = [each for each in server.call("GET", "/firings?after=-60").json if each["rule"] == "told-later"]
    assert over == {**fired, "until": over["until"]} and over["until"] >= over["since"]
    assert server.call("GET", "/firings?before=-3600").json == []
    assert server.call("GET", "/firings?limit=1").json == server.call("GET", "/firings").json[:1]


@pytest.mark.parametrize(
    ("query", "field"), [("after=5&before=5", "after"), ("limit=0", "limit"), ("since=5", "since")]
)
def test_a_window_that_makes_no_sense_is_refused(server: Running, query: str, field: str) -> None:
    reply = server.call("GET", f"/firings?{query}")
    assert (reply.status, reply.json["errors"][0]["parameter"]) == (400, field)
