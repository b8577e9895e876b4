"""Any of several servers over one database answers as the one that was asked before would have."""

from __future__ import annotations

from itertools import count, pairwise
from typing import Any

import pytest

from tests.several.asking import Asking
from tests.several.cluster import SERVERS, eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

AROUND = 30
"""How often what is done at one server is looked for at the next."""
BUSY = {"name": "busy-here", "metric": "cpu.percent", "above": 99, "for": 60}
_KEYS = count()


@pytest.fixture
def key() -> str:
    return f"key-{next(_KEYS)}"


def names(at: Asking, server: int) -> list[str]:
    return [task["name"] for task in at.ask(server, "GET", "/tasks").json]


@pytest.mark.parametrize(
    ("path", "body"), [("/tasks", {"name": "one"}), ("/tasks/bulk", [{"name": "one"}, {"name": "two"}])]
)
def test_a_request_repeated_at_another_server_has_one_effect(at: Asking, key: str, path: str, body: Any) -> None:
    before = len(names(at, 0))
    answers = [at.ask(server, "POST", path, body, Idempotency_Key=key) for server in range(SERVERS)]
    assert [answer.status for answer in answers] == [201] * SERVERS
    assert len({answer.body for answer in answers}) == 1
    assert len(names(at, 1)) == before + (len(body) if isinstance(body, list) else 1)


def test_the_same_request_at_all_servers_at_once_has_one_effect(at: Asking) -> None:
    for number in range(AROUND):
        body = {"name": f"at once {number}"}
        answers = at.everywhere("POST", "/tasks", body, Idempotency_Key=f"at-once-{number}")
        assert {answer.status for answer in answers} == {201}, answers
        assert len({answer.json["task_id"] for answer in answers}) == 1
    assert sum(name.startswith("at once") for name in names(at, 0)) == AROUND


def test_a_key_of_another_body_is_refused_at_another_server_too(at: Asking, key: str) -> None:
    assert at.ask(0, "POST", "/tasks", {"name": "this"}, Idempotency_Key=key).status == 201
    assert at.ask(1, "POST", "/tasks", {"name": "that"}, Idempotency_Key=key).status == 422


def test_what_one_server_answered_the_next_one_knows(at: Asking) -> None:
    for server in range(AROUND):
        made = at.ask(server, "POST", "/tasks", {"name": "made here"})
        path = made.headers["Location"]
        assert at.ask(server + 1, "GET", path).json == made.json
        changed = at.ask(server + 1, "PUT", path, {"message": f"changed at {server + 1}"})
        found = at.ask(server + 2, "GET", path)
        assert (found.json, found.headers["ETag"]) == (changed.json, changed.headers["ETag"])
        assert at.ask(server, "DELETE", path).status == 204
        assert at.ask(server + 1, "GET", path).status == 404


def test_a_list_has_what_was_answered_before_at_another_server(at: Asking) -> None:
    last = at.ask(0, "POST", "/tasks", {"name": "listed"})
    for server in range(1, AROUND):
        listed = at.ask(server, "GET", "/tasks?q=listed&limit=1&sort=-task_id&fields=task_id")
        assert listed.json == [{"task_id": last.json["task_id"]}]
        last = at.ask(server, "POST", "/tasks", {"name": "listed"})
        page = at.ask(server + 1, "GET", "/tasks/page?limit=1&sort=-created_at").json
        assert page["tasks"][0]["task_id"] == last.json["task_id"]


def test_if_match_is_held_against_the_newest_version_wherever_it_was_made(at: Asking) -> None:
    made = at.ask(0, "POST", "/tasks", {"name": "versions"})
    path, tag = made.headers["Location"], made.headers["ETag"]
    for server in range(1, AROUND):
        changed = at.ask(server, "PUT", path, {"progress": server}, If_Match=tag)
        assert changed.status == 200
        # What it was before holds nowhere any more.
        assert at.ask(server + 1, "PUT", path, {"progress": 99}, If_Match=tag).status == 412
        tag = changed.headers["ETag"]


def test_of_changes_for_the_same_version_at_all_servers_at_once_one_is_made(at: Asking) -> None:
    made = at.ask(0, "POST", "/tasks", {"name": "one wins"})
    path, tag = made.headers["Location"], made.headers["ETag"]
    for _ in range(AROUND):
        answers = at.everywhere("PATCH", path, {"message": tag}, If_Match=tag)
        assert sorted(answer.status for answer in answers) == [200, 412, 412]
        (tag,) = (answer.headers["ETag"] for answer in answers if answer.status == 200)


def test_changes_of_one_task_at_all_servers_at_once_are_all_kept(at: Asking) -> None:
    path = at.ask(0, "POST", "/tasks", {"name": "counted"}).headers["Location"]
    for number in range(AROUND):
        answers = at.everywhere("PATCH", path, {"metadata": {f"n{number % 20}": number}, "message": str(number)})
        assert {answer.status for answer in answers} == {200}
    versions = [event["version"] for event in at.ask(1, "GET", f"{path}/history").json]
    assert all(before + 1 == after for before, after in pairwise(versions))


def test_a_key_has_one_unfinished_task_whichever_servers_are_asked(at: Asking) -> None:
    for number in range(AROUND):
        answers = at.everywhere("POST", "/tasks", {"name": "backup", "key": f"backup-{number}"})
        assert sorted(answer.status for answer in answers) == [201, 409, 409]


def test_pings_of_one_job_at_different_servers_are_one_task(at: Asking) -> None:
    begun = at.ask(0, "POST", "/ping/nightly/start").json
    ended = at.ask(1, "POST", "/ping/nightly/0").json
    assert (ended["task_id"], ended["outcome"]) == (begun["task_id"], "succeeded")
    assert at.ask(2, "POST", "/ping/nightly/start").json["task_id"] != begun["task_id"]


def test_a_page_goes_on_at_another_server(at: Asking) -> None:
    at.ask(0, "POST", "/tasks/bulk", [{"name": f"paged {number}"} for number in range(9)])
    path, found = "/tasks?q=paged&limit=2&sort=-task_id", list[str]()
    for server in range(5):
        page = at.ask(server, "GET", path)
        found += [task["name"] for task in page.json]
        path = page.headers.get("Link", "").partition(">")[0][1:]
    assert (found, path) == ([f"paged {number}" for number in reversed(range(9))], "")


def test_what_somebody_should_know_is_told_once_and_read_everywhere(at: Asking) -> None:
    task = at.ask(0, "POST", "/tasks", {"name": "fails", "status": "in-progress"}).json["task_id"]
    at.ask(1, "PUT", f"/tasks/{task}", {"outcome": "failed"})
    notices = [notice for notice in at.ask(2, "GET", "/notifications").json if notice["task_id"] == task]
    assert [notice["kind"] for notice in notices] == ["task.failed"]
    path = f"/notifications/{notices[0]['notification_id']}"
    assert at.ask(0, "PATCH", path, {"read": True}).status == 200
    assert eventually(lambda: all(is_read(at, server, path) for server in range(SERVERS)), 10)


def is_read(at: Asking, server: int, path: str) -> bool:
    number = int(path.rpartition("/")[2])
    found = at.ask(server, "GET", "/notifications?limit=1000").json
    return any(notice["notification_id"] == number and notice["read"] for notice in found)


def test_the_log_of_a_task_is_one(at: Asking) -> None:
    path = at.ask(0, "POST", "/tasks", {"name": "prints"}).headers["Location"]
    for number in range(5):
        log = f"{path}/log"
        assert at.ask(number, "POST", log, b"line \n", Vain_Log_Offset=str(6 * number)).status in (200, 204)
        # What was taken is not taken again, at whichever server.
        assert at.ask(number + 1, "POST", log, b"line \n", Vain_Log_Offset=str(6 * number)).status in (200, 204)
    assert at.ask(1, "GET", f"{path}/log").body == b"line \n" * 5


def test_a_rule_and_a_silence_of_one_server_are_known_at_the_others(at: Asking) -> None:
    assert at.ask(0, "POST", "/rules", BUSY).status == 201
    silence = at.ask(1, "POST", "/silences", {"seconds": 600}).json["silence_id"]
    assert everywhere(at, "/rules", "name", BUSY["name"]) and everywhere(at, "/silences", "silence_id", silence)
    assert at.ask(2, "DELETE", "/rules/busy-here").status == 204
    assert at.ask(0, "DELETE", f"/silences/{silence}").status == 204
    assert nowhere(at, "/rules", "name", BUSY["name"]) and nowhere(at, "/silences", "silence_id", silence)


def everywhere(at: Asking, path: str, field: str, value: object) -> bool:
    """Whether every server lists it, soon."""
    return eventually(lambda: all(lists(at, server, path, field, value) for server in range(SERVERS)), 10)


def nowhere(at: Asking, path: str, field: str, value: object) -> bool:
    return eventually(lambda: not any(lists(at, server, path, field, value) for server in range(SERVERS)), 10)


def lists(at: Asking, server: int, path: str, field: str, value: object) -> bool:
    return any(each[field] == value for each in at.ask(server, "GET", path).json)
