"""Conditional requests and merge patches over HTTP: 304, 412, and what a list of tags means."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.web.harness import Running, running
from vain.errors import PreconditionFailed
from vain.web.http import Response
from vain.web.preconditions import EntityTag, conditional, entity_tags, versions, weak_tag


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("data"), interval=3600) as run:
        yield run


class Sent(dict[str, str]):
    """Headers as a request has them."""

    def get_list(self, name: str, /) -> list[str]:
        return [self[name]] if name in self else []


@pytest.mark.parametrize(("text", "tags"), [
    ('"a"', [EntityTag('"a"')]), ('W/"a"', [EntityTag('"a"', True)]),
    (' "a" ,W/"b", ', [EntityTag('"a"'), EntityTag('"b"', True)]),
    ('"a,b"', [EntityTag('"a,b"')]), ('""', [EntityTag('""')]), (',,"a"', [EntityTag('"a"')]),
    ("", []), ("a", None), ('"a', None), ('"a" "b"', None), ('w/"a"', None), ('"a"b', None),
])  # fmt: skip
def test_a_list_of_tags(text: str, tags: list[EntityTag] | None) -> None:
    assert entity_tags(text) == tags


@pytest.mark.parametrize(("headers", "at_3"), [
    ({"If-Match": '"7-3"'}, True), ({"If-Match": '"7-2", "7-3"'}, True), ({"If-Match": "*"}, True),
    ({"If-Match": 'W/"7-3"'}, False), ({"If-Match": '"8-3"'}, False), ({"If-Match": "7-3"}, False),
    ({"If-Match": ""}, False),
    ({"If-None-Match": "*"}, False), ({"If-None-Match": '"7-3"'}, False), ({"If-None-Match": 'W/"7-3"'}, False),
    ({"If-None-Match": '"7-2"'}, True), ({"If-Match": '"7-3"', "If-None-Match": '"7-3"'}, False),
])  # fmt: skip
def test_which_versions_a_change_may_meet(headers: dict[str, str], at_3: bool) -> None:
    found = versions(Sent(headers), 7)
    assert found is not None and (3 in found) == at_3


def test_without_conditions_every_version_will_do() -> None:
    assert versions(Sent(), 7) is None


@pytest.mark.parametrize(("tag", "sent", "status"), [
    ('W/"a"', 'W/"a"', 304), ('W/"a"', '"a"', 304), ('"a"', 'W/"a"', 304), ('"a"', '"b", "a"', 304), ('"a"', "*", 304),
    ('"a"', '"b"', 200), ('"a"', "a", 200), ('"a"', "", 200),
])  # fmt: skip
def test_none_match_compares_weakly(tag: str, sent: str, status: int) -> None:
    answer = conditional(Sent({"If-None-Match": sent}), Response(b"x", headers={"ETag": tag}))
    assert (answer.status, answer.headers["ETag"]) == (status, tag)
    assert answer.body == (b"x" if status == 200 else b"")


def test_match_compares_strongly_also_for_a_get() -> None:
    strong, weak = Response(headers={"ETag": '"a"'}), Response(headers={"ETag": 'W/"a"'})
    assert conditional(Sent({"If-Match": '"a"'}), strong) is strong
    for sent, answer in (('"a"', weak), ('W/"a"', weak), ('W/"a"', strong), ('"b"', strong)):
        with pytest.raises(PreconditionFailed):
            conditional(Sent({"If-Match": sent}), answer)


def test_the_same_content_has_the_same_tag() -> None:
    assert weak_tag(b"a", b"b") == weak_tag(b"ab") != weak_tag(b"ba")


# --- over HTTP ---------------------------------------------------------------------------------------------------


def test_what_a_client_has_is_not_sent_again(server: Running) -> None:
    task = server.make()
    paths = [
        f"/tasks/{task['task_id']}",
        "/performance",
        "/notifications",
        "/visualizations/status",
        "/assets/vain.css",
    ]
    for path in paths:
        got = server.call("GET", path)
        for method in ("GET", "HEAD"):
            again = server.call(method, path, None, {"If-None-Match": f'"other", {got.headers["ETag"]}'})
            assert (again.status, again.body) == (304, b""), path
            assert again.headers["ETag"] == got.headers["ETag"] and again.headers["Content-Length"] is None
            assert (
                again.headers["Content-Type"] is None and again.headers["Cache-Control"] == got.headers["Cache-Control"]
            )


def test_the_charts_are_the_same_until_something_changes(server: Running) -> None:
    window = "/visualizations?after=2026-01-01T00:00:00Z&before=2026-01-02T00:00:00Z"
    tag = server.call("GET", window).headers["ETag"]
    assert server.call("GET", window, None, {"If-None-Match": tag}).status == 304
    server.make()
    assert server.call("GET", window, None, {"If-None-Match": tag}).status == 200, "one task more"


def test_a_task_that_changed_is_sent(server: Running) -> None:
    path = f"/tasks/{server.make()['task_id']}"
    tag = server.call("GET", path).headers["ETag"]
    server.call("PUT", path, {"message": "m"})
    again = server.call("GET", path, None, {"If-None-Match": tag})
    assert (again.status, again.json["message"]) == (200, "m")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_a_change_that_would_meet_another_version_is_412(server: Running, method: str) -> None:
    path = f"/tasks/{server.make()['task_id']}"
    number = path.rpartition("/")[2]
    body = None if method == "DELETE" else {"message": "m"}
    for headers in ({"If-Match": f'W/"{number}-1"'}, {"If-Match": f'"{number}-2"'}, {"If-None-Match": "*"}):
        reply = server.call(method, path, body, headers)
        assert (reply.status, reply.json["title"]) == (412, "Precondition failed"), headers
    assert server.call("GET", path).json["version"] == 1
    assert server.call(method, path, body, {"If-Match": f'"1-9", "{number}-1"'}).status in (200, 204)


# --- merge patch -------------------------------------------------------------------------------------------------


def test_a_patch_resets_with_null_and_leaves_the_rest(server: Running) -> None:
    task = server.make(description="d", tags=["a"], metadata={"a": 1, "b": 2}, due_at="2030-01-01T00:00:00Z")
    path = f"/tasks/{task['task_id']}"
    headers = {"Content-Type": "application/merge-patch+json"}
    reply = server.call("PATCH", path, {"due_at": None, "tags": None, "metadata": {"a": None}}, headers)
    after = reply.json
    assert (reply.status, reply.headers["ETag"]) == (200, f'"{task["task_id"]}-2"')
    assert (after["due_at"], after["tags"], after["metadata"], after["description"]) == (None, [], {"b": 2}, "d")


def test_a_patch_may_be_plain_json_and_the_same_twice_changes_once(server: Running) -> None:
    path = f"/tasks/{server.make()['task_id']}"
    first = server.call("PATCH", path, {"message": "m"})
    assert first.json["version"] == 2
    assert server.call("PATCH", path, {"message": "m"}).body == first.body


def test_a_task_that_was_read_can_be_sent_back(server: Running) -> None:
    path = f"/tasks/{server.make(metadata={'a': 1})['task_id']}"
    read = server.call("GET", path)
    assert server.call("PATCH", path, read.body).body == read.body


def test_a_patch_that_breaks_a_rule_names_the_place(server: Running) -> None:
    path = f"/tasks/{server.make()['task_id']}"
    refused = [
        ({"name": None}, "/name"),
        ({"metadata": {"a": []}}, "/metadata"),
        ({"exit_code": 1}, "/exit_code"),
        ({"error": {"message": "m"}}, "/error/type"),
        ({"x": 1}, "/x"),
        ([], ""),
    ]
    for body, pointer in refused:
        reply = server.call("PATCH", path, body)
        assert (reply.status, reply.pointers) == (422, [pointer]), body


def test_options_say_what_a_patch_may_be(server: Running) -> None:
    assert (
        server.call("OPTIONS", "/tasks/1").headers["Accept-Patch"] == "application/merge-patch+json, application/json"
    )
    assert server.call("OPTIONS", "/tasks").headers["Accept-Patch"] is None
    refused = server.call("PATCH", "/tasks/1", b"[]", {"Content-Type": "application/json-patch+json"})
    assert refused.status == 415 and "merge-patch" in refused.headers["Accept-Patch"]


# --- which event an answer goes up to ----------------------------------------------------------------------------


def test_an_answer_says_up_to_which_event_it_goes(server: Running) -> None:
    made = server.call("POST", "/tasks", {"name": "x"})
    seq, epoch = int(made.headers["X-Vain-Seq"]), made.headers["X-Vain-Epoch"]
    assert (seq, epoch) == server.on_loop(lambda: (server.server._hub.seq, server.server._hub.epoch))
    path = made.headers["Location"]
    assert int(server.call("GET", path).headers["X-Vain-Seq"]) == seq
    assert int(server.call("PUT", path, {"message": "m"}).headers["X-Vain-Seq"]) == seq + 1
    assert int(server.call("PUT", path, {"message": "m"}).headers["X-Vain-Seq"]) == seq + 1, "nothing has changed"
    server.make()
    server.on_loop(server.server._services.tracker._store.recent._tasks.clear)
    assert int(server.call("GET", path).headers["X-Vain-Seq"]) == seq + 2, "read from the database"
    assert int(server.call("DELETE", path).headers["X-Vain-Seq"]) == seq + 3


def test_an_answer_that_is_given_again_says_nothing_of_events(server: Running) -> None:
    headers = {"Idempotency-Key": "once"}
    first = server.call("POST", "/tasks", {"name": "x"}, headers)
    again = server.call("POST", "/tasks", {"name": "x"}, headers)
    assert again.body == first.body and again.headers["X-Vain-Seq"] is None


@pytest.mark.parametrize(("one", "other", "same"), [
    ("abc", '"abc"', True), ('"a\\"b"', 'a"b', True), ('"a\\\\b"', "a\\b", True), ("abc", "abd", False),
    ('"x', '"x"', False),
])  # fmt: skip
def test_an_idempotency_key_may_stand_in_quotes(server: Running, one: str, other: str, same: bool) -> None:
    tasks = [server.call("POST", "/tasks", {"name": one}, {"Idempotency-Key": key}).json for key in (one, other)]
    assert (tasks[0] == tasks[1]) == same
