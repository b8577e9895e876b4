"""Which names and which pages are ours: the matrices of hosts and origins, through the whole gate."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vain.errors import Forbidden, Misconfigured, WrongHost
from vain.store.keys import KeyRing
from vain.types import Role
from vain.web.gate import LOCAL, NOBODY, Gate
from vain.web.origins import Origins

HERE = "localhost:5006"
PAGE = "http://localhost:5006"
PLAIN, PUBLIC, SOCKET = ("GET", "read", False), ("POST", None, False), ("GET", "read", True)
ROUTES: tuple[tuple[str, Role | None, bool], ...] = (PLAIN, PUBLIC, SOCKET)


class Sent:
    """Headers as they would be if the parser in front of the gate let everything through."""

    def __init__(self, values: dict[str, str | list[str] | None]) -> None:
        self._values = {name: [value] if isinstance(value, str) else value or [] for name, value in values.items()}

    def get_list(self, name: str, /) -> list[str]:
        return self._values.get(name, [])


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    """That of a server without keys, so that only names and pages decide."""
    ring = KeyRing.open(tmp_path_factory.mktemp("data"))
    yield Gate(["vain.example.org", "10.0.0.5:8443"], 5006, ring)
    ring.close()


def admits(gate: Gate, route: tuple[str, Role | None, bool], path: str = "/x", **sent: str | list[str] | None) -> bool:
    """Whether a request with these headers (``Host`` is ours unless it is named) passes."""
    method, needs, websocket = route
    headers = Sent({"Host": HERE} | {name.replace("_", "-"): value for name, value in sent.items()})
    return gate.admit(method, path, headers, "127.0.0.1", needs, websocket) in (LOCAL, NOBODY)


OUR_HOSTS = [
    "localhost:5006", "127.0.0.1:5006", "[::1]:5006", "LOCALHOST:5006", "LocalHost:5006", "localhost.:5006",
    "vain.example.org:5006", "vain.example.org", "vain.example.org:80", "vain.example.org:443", "VAIN.example.org.",
    "10.0.0.5:8443",
]  # fmt: skip
OTHER_HOSTS = [
    "", " ", ":5006", "evil.example", "evil.example:5006", "localhost", "localhost:80", "localhost:5007", "localhost:",
    "localhost:5006.", "localhost..:5006", ".localhost:5006", "localhost:05006", "localhost:+5006",
    "localhost:5006:5006", "localhost:5006, evil.example", "localhost:5006/", "localhost:5006#", "user@localhost:5006",
    "localhost:5006@evil.example", "localhost.evil.example:5006", "evil-localhost:5006", "evil.example:5006.localhost",
    "0.0.0.0:5006", "[::]:5006", "127.0.0.2:5006", "127.1:5006", "2130706433:5006", "0177.0.0.1:5006",
    "0x7f.0.0.1:5006", "127.000.000.001:5006", "::1:5006", "[::1]", "[::1].:5006", "[0:0:0:0:0:0:0:1]:5006",
    "[::ffff:127.0.0.1]:5006", "[::1%25lo]:5006", "http://localhost:5006", "localhost:500\uff16",
    "\uff4cocalhost:5006", "\u212aocalhost:5006", "localhost\u3002:5006", "x.vain.example.org",
    "vain.example.org:8443", "vainXexample.org", "10.0.0.5", "10.0.0.5:5006", "l" * 5000,
]  # fmt: skip
OUR_PAGES = [
    "http://localhost:5006", "http://127.0.0.1:5006", "http://[::1]:5006", "http://vain.example.org",
    "https://vain.example.org", "http://vain.example.org:5006", "https://10.0.0.5:8443",
]  # fmt: skip
OTHER_PAGES = [
    "", "null", "NULL", "*", "file://", "about:blank", "http://", "https://localhost:5006", "ws://localhost:5006",
    "http://localhost", "http://localhost:5007", "http://localhost:50060", "http://localhost:5006/",
    "http://localhost.:5006", "HTTP://LOCALHOST:5006", "http://localhost:5006.evil.example", "http://evil.example",
    "http://evil.example:5006", "http://localhost:5006@evil.example", "http://user@localhost:5006",
    "http://localhost:5006 http://evil.example", "http://localhost:5006, http://evil.example", "http://127.0.0.2:5006",
    "http://0.0.0.0:5006", "http://2130706433:5006", "chrome-extension://abcdefghijklmnop", "moz-extension://1234",
    "http://x.vain.example.org", "http://10.0.0.5:8444", "http://vain.example.org:80", "https://vain.example.org:443",
]  # fmt: skip


@pytest.mark.parametrize("host", OUR_HOSTS)
def test_our_own_names_are_answered(gate: Gate, host: str) -> None:
    for route in ROUTES * 2:  # the second time from memory
        assert admits(gate, route, Host=host)


@pytest.mark.parametrize("host", OTHER_HOSTS)
def test_no_other_name_is_answered(gate: Gate, host: str) -> None:
    for route in ROUTES * 2:
        with pytest.raises(WrongHost):
            admits(gate, route, Host=host)


def test_a_wrong_name_is_not_repeated_and_the_cure_is_told(gate: Gate) -> None:
    with pytest.raises(WrongHost) as caught:
        admits(gate, PLAIN, Host="evil.example")
    assert "evil" not in caught.value.detail and "--allow-host" in caught.value.detail


@pytest.mark.parametrize("hosts", [None, [HERE, HERE], [HERE, "evil.example"], ["evil.example", HERE]])
def test_a_request_names_exactly_one_host(gate: Gate, hosts: list[str] | None) -> None:
    with pytest.raises(WrongHost):
        admits(gate, PLAIN, Host=hosts)


def test_many_spellings_of_our_name_take_little_memory() -> None:
    origins = Origins([], 5006)
    for number in range(512):
        name = "".join(c.upper() if number >> place & 1 else c for place, c in enumerate("localhost"))
        origins.check_host([f"{name}:5006"])
    assert len(origins._spellings) == 64


@pytest.mark.parametrize(("port", "host"), [(80, "localhost"), (443, "127.0.0.1"), (80, "[::1]"), (80, "localhost:80")])
def test_a_default_port_may_be_left_out(port: int, host: str) -> None:
    Origins([], port).check_host([host])


@pytest.mark.parametrize("path", ["http://evil.example/tasks", "http://evil.example", "tasks", "", "http:///tasks"])
def test_a_target_that_does_not_name_us_is_refused(gate: Gate, path: str) -> None:
    with pytest.raises(WrongHost):
        admits(gate, PLAIN, path)


@pytest.mark.parametrize("path", ["http://localhost:5006/tasks", "http://127.0.0.1:5006", "*", "//evil.example/"])
def test_a_target_that_names_us_or_nobody_is_answered(gate: Gate, path: str) -> None:
    assert admits(gate, PLAIN, path)


ALMOST_OURS = st.one_of(
    st.text(max_size=30),
    st.text("abclhost0127.:[]@%_-5006", max_size=20),
    st.builds("{}{}{}".format, st.text(max_size=2), st.sampled_from(OUR_HOSTS), st.text(max_size=2)),
)


@settings(max_examples=150)
@given(ALMOST_OURS)
def test_no_invented_host_is_ours(host: str) -> None:
    if re.fullmatch(r"(localhost\.?|127\.0\.0\.1\.?|\[::1\]):5006", host, re.ASCII | re.IGNORECASE):
        return
    with pytest.raises(WrongHost):
        Origins([], 5006).check_host([host])


@settings(max_examples=150)
@given(st.one_of(ALMOST_OURS, ALMOST_OURS.map("http://{}".format), ALMOST_OURS.map("https://{}".format)))
def test_no_invented_page_is_ours(page: str) -> None:
    if page in ("http://localhost:5006", "http://127.0.0.1:5006", "http://[::1]:5006"):
        return
    with pytest.raises(Forbidden):
        Origins([], 5006).check_page([page])


@pytest.mark.parametrize("page", OUR_PAGES)
def test_our_own_pages_may_ask(gate: Gate, page: str) -> None:
    for route in ROUTES:
        for site in (None, "same-origin"):
            assert admits(gate, route, Origin=page, Sec_Fetch_Site=site)


@pytest.mark.parametrize("page", OTHER_PAGES)
def test_no_other_page_may_ask(gate: Gate, page: str) -> None:
    for route in ROUTES:
        for site in (None, "same-origin", "none"):
            with pytest.raises(Forbidden):
                admits(gate, route, Origin=page, Sec_Fetch_Site=site)


def test_rebinding_is_refused_by_its_host(gate: Gate) -> None:
    for route in ROUTES:
        with pytest.raises(WrongHost):
            admits(
                gate, route, Host="evil.example:5006", Origin="http://evil.example:5006", Sec_Fetch_Site="same-origin"
            )


def test_two_origins_are_refused_even_if_both_are_ours(gate: Gate) -> None:
    with pytest.raises(Forbidden):
        admits(gate, PLAIN, Origin=[PAGE, PAGE])


@pytest.mark.parametrize("site", ["cross-site", "same-site", "", "nonsense", ["same-origin", "same-origin"]])
@pytest.mark.parametrize("page", [None, PAGE])
def test_another_site_can_neither_change_nor_listen(gate: Gate, site: str | list[str], page: str | None) -> None:
    for method, websocket in (("POST", False), ("PUT", False), ("DELETE", False), ("BREW", False), ("GET", True)):
        with pytest.raises(Forbidden):
            admits(gate, (method, "write", websocket), Sec_Fetch_Site=site, Sec_Fetch_Dest="document", Origin=page)


def test_another_site_may_link_to_a_page_and_embed_nothing(gate: Gate) -> None:
    assert admits(gate, PLAIN, "/", Sec_Fetch_Site="cross-site", Sec_Fetch_Dest="document")
    for embedded in ("image", "iframe", "script", "empty", None):
        with pytest.raises(Forbidden):
            admits(gate, PLAIN, "/", Sec_Fetch_Site="cross-site", Sec_Fetch_Dest=embedded)


@pytest.mark.parametrize("host", ["", "http://x", "a b", "*", "*.example.org", "x:y", "x:0", "a/b", "x:99999999"])
def test_what_is_no_host_stops_the_start(host: str) -> None:
    with pytest.raises(Misconfigured):
        Origins([host], 5006)


@pytest.mark.parametrize("address", ["192.168.1.5", "fd00::5", "[fd00::5]"])
def test_the_address_listened_on_may_be_given_as_it_is(address: str) -> None:
    origins = Origins([address, "0.0.0.0", "::"], 5006)
    name = "[fd00::5]" if ":" in address else address
    origins.check_host([f"{name}:5006"])
    origins.check_page([f"http://{name}:5006"])


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "::1", "192.168.1.5"])
def test_what_else_runs_on_the_machine_we_listen_on_is_not_ours(host: str) -> None:
    origins = Origins([host], 5006)
    name = "[::1]" if ":" in host else host
    for page in (f"http://{name}", f"https://{name}", f"https://{name}:5006"):
        with pytest.raises(Forbidden):
            origins.check_page([page])
    with pytest.raises(WrongHost):
        origins.check_host([name])
