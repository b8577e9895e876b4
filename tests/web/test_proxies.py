"""Whom a forwarded header is believed, and what of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.store.engines import keys_of
from tests.web.harness import Reply, Running, running
from vain.errors import Misconfigured
from vain.web.proxies import Outer, Proxies


class Sent:
    """Headers as Tornado gives them."""

    def __init__(self, **headers: str | list[str]) -> None:
        self._headers = {name.replace("_", "-").lower(): value for name, value in headers.items()}

    def get_list(self, name: str) -> list[str]:
        value = self._headers.get(name.lower(), [])
        return value if isinstance(value, list) else [value]


SPOOFED = Sent(
    X_Forwarded_For="9.9.9.9", X_Forwarded_Proto="https", X_Forwarded_Host="evil.example", X_Forwarded_Prefix="/evil"
)


def client(hops: str | list[str], *trusted: str, peer: str = "10.0.0.1") -> str:
    return Proxies(trusted or ("10.0.0.0/8",)).outer(peer, False, "/", Sent(X_Forwarded_For=hops)).peer


@pytest.mark.parametrize("trusted", [(), ("10.0.0.0/8",), ("2001:db8::/32",)])
def test_nobody_else_is_believed(trusted: tuple[str, ...]) -> None:
    assert Proxies(trusted).outer("192.0.2.7", False, "/x", SPOOFED) == Outer("192.0.2.7", False, None, "", "/x")


def test_a_trusted_proxy_is_believed() -> None:
    seen = Proxies(("10.0.0.0/8",)).outer("10.1.2.3", False, "/tasks", SPOOFED)
    assert seen == Outer("9.9.9.9", True, "evil.example", "/evil", "/tasks")


@pytest.mark.parametrize(
    ("hops", "expected"),
    [
        ("9.9.9.9", "9.9.9.9"),
        ("127.0.0.1, 9.9.9.9", "9.9.9.9"),
        (["127.0.0.1", "9.9.9.9"], "9.9.9.9"),
        ("9.9.9.9, 10.0.0.7", "9.9.9.9"),
        ("9.9.9.9:4711", "9.9.9.9"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("::ffff:9.9.9.9", "9.9.9.9"),
        ("9.9.9.9, unknown", "10.0.0.1"),
        ("9.9.9.9, unknown, 10.0.0.7", "10.0.0.7"),
        ("10.0.0.8, 10.0.0.7", "10.0.0.8"),
        ("", "10.0.0.1"),
        (",,", "10.0.0.1"),
        ("<script>", "10.0.0.1"),
    ],
)
def test_the_last_hop_that_is_no_proxy_of_ours_is_the_client(hops: str | list[str], expected: str) -> None:
    assert client(hops) == expected


def test_of_scheme_and_host_the_last_word_counts() -> None:
    sent = Sent(X_Forwarded_Proto="http, https", X_Forwarded_Host=["evil.example", "vain.example"])
    seen = Proxies(("10.0.0.1",)).outer("10.0.0.1", False, "/", sent)
    assert (seen.secure, seen.host) == (True, "vain.example")
    assert not Proxies(("10.0.0.1",)).outer("10.0.0.1", False, "/", Sent(X_Forwarded_Proto="gopher")).secure


@pytest.mark.parametrize(
    ("path", "prefix", "inner"),
    [
        ("/vain/tasks/7", "/vain", "/tasks/7"),
        ("/vain/", "/vain", "/"),
        ("/vain", "/vain", ""),
        ("/vainer", "", "/vainer"),
        ("/tasks", "", "/tasks"),
        ("/vain/vain/x", "/vain", "/vain/x"),
    ],
)
def test_a_prefix_is_taken_off_and_remembered(path: str, prefix: str, inner: str) -> None:
    seen = Proxies((), "/vain").outer("127.0.0.1", False, path, Sent())
    assert (seen.prefix, seen.path) == (prefix, inner)


def test_a_trusted_proxy_may_have_taken_the_prefix_off() -> None:
    proxies = Proxies(("127.0.0.1",), "/vain")
    assert proxies.outer("127.0.0.1", False, "/tasks", Sent())[3:] == ("/vain", "/tasks")
    assert proxies.outer("127.0.0.1", False, "/tasks", Sent(X_Forwarded_Prefix="/other/"))[3:] == ("/other", "/tasks")
    assert proxies.outer("127.0.0.1", False, "/tasks", Sent(X_Forwarded_Prefix="//evil.example"))[3] == "/vain"


def test_a_proxys_connections_do_not_count_as_one_clients() -> None:
    proxies = Proxies(("10.0.0.1",))
    assert (proxies.counted_as("10.0.0.1"), proxies.counted_as("10.0.0.2")) == ("127.0.0.1", "10.0.0.2")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Under a prefix, without a proxy that is trusted."""
    with running(tmp_path_factory.mktemp("data"), prefix="/vain") as run:
        yield run


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, str]]:
    """Behind a proxy on this machine, with a key."""
    folder = tmp_path_factory.mktemp("data")
    ring = keys_of(folder)
    _, key = ring.create("me", "admin")
    ring.close()
    with running(folder, prefix="/vain", **{"trust-proxy": ["127.0.0.1"], "allow-host": ["vain.example"]}) as run:
        yield run, key


def ask(run: Running, path: str, key: str, method: str = "GET", **headers: str) -> Reply:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return run.call(method, path, None, {"Host": run.host, "Authorization": f"Bearer {key}", **sent})


def test_routes_answer_with_the_prefix_and_without(server: Running) -> None:
    made = server.call("POST", "/vain/tasks", {"name": "x"})
    number = made.json["task_id"]
    assert (made.status, made.headers["Location"]) == (201, f"/vain/tasks/{number}")
    assert server.call("GET", f"/vain/tasks/{number}").json == server.call("GET", f"/tasks/{number}").json
    assert server.call("POST", "/tasks", {"name": "x"}).headers["Location"] == f"/tasks/{number + 1}"


def test_links_and_problems_name_the_outer_path(server: Running) -> None:
    for _ in range(2):
        server.call("POST", "/vain/tasks", {"name": "x"})
    assert server.call("GET", "/vain/tasks?limit=1").headers["Link"].startswith("</vain/tasks?")
    refused = server.call("GET", "/vain/nowhere")
    assert (refused.status, refused.json["instance"]) == (404, "/vain/nowhere")
    assert server.call("GET", "/vainer/tasks").status == 404


def test_the_prefix_alone_leads_to_the_first_page(server: Running) -> None:
    reply = server.call("GET", "/vain?x=1")
    assert (reply.status, reply.headers["Location"]) == (308, "/vain/?x=1")


def test_what_a_stranger_forwards_is_ignored(server: Running) -> None:
    headers = {"X-Forwarded-Prefix": "/evil", "X-Forwarded-Proto": "https", "X-Forwarded-For": "9.9.9.9"}
    assert server.call("POST", "/tasks", {"name": "x"}, headers).headers["Location"].startswith("/tasks/")
    assert server.call("GET", "/tasks", None, {"X-Forwarded-Host": "evil.example"}).status == 200


def test_a_forwarded_host_has_to_be_ours_and_so_has_the_other(behind: tuple[Running, str]) -> None:
    run, key = behind
    assert ask(run, "/tasks", key, X_Forwarded_Host="vain.example").status == 200
    assert ask(run, "/tasks", key, X_Forwarded_Host="evil.example").status == 421
    # A page whose name was pointed at this machine can send that header too.
    assert ask(run, "/tasks", key, Host="evil.example", X_Forwarded_Host="vain.example").status == 421


def test_pages_of_the_outer_host_may_ask_and_no_others(behind: tuple[Running, str]) -> None:
    run, key = behind
    outer = {"X_Forwarded_Host": "vain.example", "X_Forwarded_Proto": "https"}
    assert ask(run, "/vain/tasks", key, **outer, Origin="https://vain.example").status == 200
    assert ask(run, "/vain/tasks", key, **outer, Origin="https://evil.example").status == 403


@pytest.mark.parametrize(
    ("scheme", "prefix", "cookie"),
    [("https", "/vain", "__Secure-vain=;Path=/vain;Secure"), ("https", "/", "__Host-vain=;Path=/;Secure"),
     ("http", "/vain", "vain=;Path=/vain;")],
)  # fmt: skip
def test_the_cookie_is_for_the_outer_scheme_and_path(
    behind: tuple[Running, str], scheme: str, prefix: str, cookie: str
) -> None:
    run, key = behind
    sent = {"Host": run.host, "X-Forwarded-Proto": scheme, "X-Forwarded-Prefix": prefix}
    sent |= {"Origin": f"http://{run.host}"} if scheme == "http" else {"Origin": "https://vain.example"}
    parts = run.call("POST", "/login", {"key": key}, sent).headers["Set-Cookie"].split("; ")
    name, path, secure = cookie.split(";")
    assert parts[0].startswith(name) and path in parts and ("Secure" in parts) == bool(secure)
    reply = run.call("GET", "/tasks", None, {"Host": run.host, "Cookie": parts[0]})
    assert reply.status == 200 and {"HttpOnly", "SameSite=Strict"} <= set(parts)


def test_wrong_keys_count_for_the_client_and_not_for_the_proxy(behind: tuple[Running, str]) -> None:
    run, _ = behind
    wrong = [ask(run, "/tasks", "vain_no", X_Forwarded_For=f"8.8.8.8, {peer}") for peer in ["9.9.9.9"] * 11]
    assert [reply.status for reply in wrong][-1] == 429
    assert ask(run, "/tasks", "vain_no", X_Forwarded_For="9.9.9.8").status == 401


def test_behind_a_proxy_a_key_is_needed(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="--trust-proxy"), running(tmp_path, **{"trust-proxy": ["10.0.0.0/8"]}):
        pass


@pytest.mark.parametrize("prefix", ["/tasks", "/ws/tasks", "/healthz"])
def test_a_prefix_may_not_hide_a_route(tmp_path: Path, prefix: str) -> None:
    with pytest.raises(Misconfigured, match="would hide"), running(tmp_path, prefix=prefix):
        pass


def test_clients_take_the_prefix_as_part_of_the_address(server: Running) -> None:
    from vain.client import Client

    with Client(f"http://{server.host}/vain") as client:
        task = client.create("from far away")
        assert task.task_id in [each.task_id for each in client.tasks()]
