"""nginx as docs/deploy/nginx-servers.conf has it: who goes where, and what becomes of a request whose server dies."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection

import pytest

from tests.several.cluster import SERVERS, Cluster, get

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

AROUND = 24


def ask(cluster: Cluster, method: str, path: str, body: object = None, **headers: str) -> tuple[int, str]:
    """The status of an answer through nginx, and which server gave it: its requests are numbered, after a name."""
    named = {name.replace("_", "-"): value for name, value in headers.items()} | {"Content-Type": "application/json"}
    with closing(HTTPConnection("127.0.0.1", cluster.port, timeout=20)) as connection:
        connection.request(method, path, None if body is None else json.dumps(body), named)
        with connection.getresponse() as answer:
            answer.read()
            return answer.status, (answer.headers["X-Request-Id"] or "").partition("-")[0]


def servers_of(cluster: Cluster, path: str, **headers: str) -> set[str]:
    answers = [ask(cluster, "GET", path, **headers) for _ in range(AROUND)]
    assert {status for status, _ in answers} == {200}
    return {server for _, server in answers}


def test_tasks_go_to_any_server_and_the_rest_stays_at_one(behind_nginx: Cluster) -> None:
    assert len(servers_of(behind_nginx, "/tasks")) == SERVERS
    assert len(servers_of(behind_nginx, "/notifications?limit=1")) == SERVERS
    for path in ("/performance", "/rules", "/assets/vain.js"):
        assert servers_of(behind_nginx, path) == servers_of(behind_nginx, "/performance")
    # Who is signed in stays, too, but not all of them at the same server.
    cookies = [f"theme=dark; {name}=cookie-{number}" for number in range(8) for name in ("vain", "__Host-vain")]
    found = [servers_of(behind_nginx, "/rules", Cookie=cookie) for cookie in cookies]
    assert all(len(servers) == 1 for servers in found) and len(set.union(*found)) == SERVERS
    assert found[::2] == found[1::2]


def test_nobody_notices_a_server_that_is_gone_except_who_asks_for_one_version(behind_nginx: Cluster) -> None:
    assert ask(behind_nginx, "POST", "/tasks", {"name": "one"})[0] == 201
    behind_nginx.kill(1)
    for number in range(AROUND):
        assert ask(behind_nginx, "POST", "/tasks", {"name": "one"})[0] == 201
        assert ask(behind_nginx, "POST", "/tasks", {"name": "one"}, Idempotency_Key=f"key-{number}")[0] == 201
        assert ask(behind_nginx, "PUT", "/tasks/1", {"message": str(number)})[0] == 200
        assert ask(behind_nginx, "PUT", "/tasks/1", {"message": "one"}, If_Match="*")[0] in (200, 502)
        assert ask(behind_nginx, "GET", "/performance")[0] == 200
    behind_nginx.start(1)


def test_what_a_server_died_over_is_sent_on_if_it_has_a_key_and_else_told(behind_nginx: Cluster) -> None:
    behind_nginx.freeze(2)
    with ThreadPoolExecutor(2 * AROUND) as threads:
        keyed = [
            threads.submit(
                ask, behind_nginx, "POST", "/tasks", {"name": f"keyed {number}"}, Idempotency_Key=str(number)
            )
            for number in range(AROUND)
        ]
        bare = [threads.submit(ask, behind_nginx, "POST", "/tasks", {"name": "bare"}) for _ in range(AROUND)]
        time.sleep(1.5)
        behind_nginx.kill(2)
        assert {answer.result()[0] for answer in keyed} == {201}
        assert {answer.result()[0] for answer in bare} == {201, 502}
    names = [task["name"] for task in get(behind_nginx.url(0) + "/tasks")[1]]
    assert sum(name.startswith("keyed") for name in names) == AROUND
    assert names.count("bare") == sum(answer.result()[0] == 201 for answer in bare)
