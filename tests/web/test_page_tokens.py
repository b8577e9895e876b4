"""A page's token opens its WebSocket for the role that the page was made for, and for nobody else."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.web.harness import Running, running
from vain.views import application

pytestmark = pytest.mark.slow

ROLES = ("read", "write", "admin")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("pages"), lambda: application) as started:
        yield started


@pytest.fixture(scope="module")
def keys(server: Running) -> dict[str, str]:
    return {role: server.server._services.keys.create(role, role)[1] for role in ROLES}


def token_for(server: Running, key: str) -> str:
    page = server.call("GET", "/board", headers={"Authorization": f"Bearer {key}"})
    found = re.search(r'"token":"([^"]+)"', page.body.decode())
    assert found is not None and key not in page.body.decode()
    return found[1]


def opens(server: Running, token: str, key: str) -> bool:
    try:
        with connect(
            f"ws://127.0.0.1:{server.port}/board/ws", subprotocols=["bokeh", token],
            additional_headers={"Authorization": f"Bearer {key}"},
        ) as socket:  # fmt: skip
            return "ACK" in str(socket.recv(10))
    except InvalidStatus:
        return False


@pytest.mark.parametrize("made_for", ROLES)
@pytest.mark.parametrize("used_by", ROLES)
def test_a_token_is_for_the_role_of_its_page(
    server: Running, keys: dict[str, str], made_for: str, used_by: str
) -> None:
    assert opens(server, token_for(server, keys[made_for]), keys[used_by]) is (made_for == used_by)


def test_a_token_that_was_changed_or_is_none_opens_nothing(server: Running, keys: dict[str, str]) -> None:
    token = token_for(server, keys["write"])
    head, _, signature = token.rpartition(".")
    for forged in (f"{head[:-4]}AAAA.{signature}", head, "x", "x.y"):
        assert not opens(server, forged, keys["write"])
