"""The gate: names, pages, credentials, roles, bodies."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tornado.httputil import HTTPHeaders

from vain.errors import (
    Forbidden,
    Misconfigured,
    TooManyRequests,
    Unauthenticated,
    UnsupportedMediaType,
    VainError,
)
from vain.store.keys import KeyRing
from vain.types import Role
from vain.web.gate import LOCAL, NOBODY, Gate, Headers, Identity, is_loopback, require_key

HERE = "localhost:5006"
PAGE = "http://localhost:5006"
JSON = {"Content-Type": "application/json", "Content-Length": "2"}


class Hands:
    """A monotonic clock that stands until it is moved."""

    seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Hands:
    return Hands()


@pytest.fixture
def ring(tmp_path: Path) -> Iterator[KeyRing]:
    ring = KeyRing.open(tmp_path)
    yield ring
    ring.close()


@pytest.fixture
def gate(ring: KeyRing, clock: Hands) -> Gate:
    return Gate(["vain.example.org", "10.0.0.5:8443"], 5006, ring, clock=clock)


def headers(*pairs: tuple[str, str], **named: str) -> HTTPHeaders:
    """A request's headers: ``Host`` is ours unless it is named; a pair may come twice."""
    made = HTTPHeaders({"Host": HERE} | {name.replace("_", "-"): value for name, value in named.items()})
    for name, value in pairs:
        made.add(name, value)
    return made


def ask(
    gate: Gate,
    sent: Headers,
    method: str = "GET",
    needs: Role | None = "read",
    websocket: bool = False,
    peer: str = "127.0.0.1",
    path: str = "/tasks",
) -> Identity:
    return gate.admit(method, path, sent, peer, needs, websocket)


def test_without_keys_everybody_here_is_admin(gate: Gate) -> None:
    assert ask(gate, headers(), needs="admin") == LOCAL
    assert ask(gate, headers(), websocket=True) == LOCAL


def test_with_a_key_only_public_routes_are_open(gate: Gate, ring: KeyRing) -> None:
    ring.create("ci", "read")
    assert ask(gate, headers(), needs=None) is NOBODY
    for websocket in (False, True):
        with pytest.raises(Unauthenticated, match="vain keys create"):
            ask(gate, headers(), websocket=websocket)


RANKS: list[tuple[Role, Role, bool]] = [
    ("read", "read", True), ("read", "write", False), ("read", "admin", False),
    ("write", "read", True), ("write", "write", True), ("write", "admin", False),
    ("admin", "read", True), ("admin", "write", True), ("admin", "admin", True),
]  # fmt: skip


@pytest.mark.parametrize(("has", "needs", "may"), RANKS)
def test_a_role_may_what_it_may(gate: Gate, ring: KeyRing, has: Role, needs: Role, may: bool) -> None:
    info, secret = ring.create("ci", has)
    sent = headers(Authorization=f"Bearer {secret}")
    for websocket in (False, True):
        if may:
            assert ask(gate, sent, needs=needs, websocket=websocket) == Identity(has, "ci", info.key_id)
        else:
            with pytest.raises(Forbidden, match=f"needs the role {needs}"):
                ask(gate, sent, needs=needs, websocket=websocket)


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER ", "Bearer  "])
def test_the_scheme_is_bearer_in_any_case(gate: Gate, ring: KeyRing, scheme: str) -> None:
    _, secret = ring.create("ci", "read")
    assert ask(gate, headers(Authorization=scheme + secret)).name == "ci"


def test_whatever_is_wrong_with_a_key_the_answer_is_the_same(gate: Gate, ring: KeyRing) -> None:
    info, secret = ring.create("ci", "admin")
    _, revoked = ring.create("old", "admin")
    ring.revoke(revoked)
    cookie = ring.new_session(info.key_id)
    wrong = ["Bearer", f"Basic {secret}", secret, f"Bearer {revoked}", f"Bearer {secret}x", "Bearer " + "x" * 999]
    answers = set()
    for number, value in enumerate([*wrong, f"Bearer vain_00000000_{secret[14:]}"]):
        with pytest.raises(Unauthenticated) as caught:
            ask(gate, headers(Authorization=value, Cookie=f"vain={cookie}"), peer=f"10.0.0.{number}")
        answers.add(caught.value.detail)
    assert answers == {"The API key is not valid."}


def test_two_authorizations_are_refused_even_if_both_are_right(gate: Gate, ring: KeyRing) -> None:
    bearer = ("Authorization", f"Bearer {ring.create('ci', 'read')[1]}")
    with pytest.raises(Unauthenticated):
        ask(gate, headers(bearer, bearer))


@pytest.mark.parametrize("name", ["vain", "__Host-vain"])
def test_a_session_cookie_signs_in(gate: Gate, ring: KeyRing, name: str) -> None:
    info, _ = ring.create("me", "write")
    cookie = ring.new_session(info.key_id)
    found = ask(gate, headers(Cookie=f"_xsrf=1; {name}={cookie}; vainer=2"))
    assert (found.role, found.name, found.key_id) == ("write", "me", info.key_id)
    assert gate.still_admits(found)
    ring.end_session(cookie)
    assert not gate.still_admits(found)


def test_a_cookie_that_may_have_been_slipped_in_is_not_believed(gate: Gate, ring: KeyRing) -> None:
    cookie = ring.new_session(ring.create("me", "write")[0].key_id)
    for sent in ("vain={0}; vain={0}", "vain={0}; __Host-vain=x", "Vain={0}", 'vain="{0}"'):
        with pytest.raises(Unauthenticated):
            ask(gate, headers(Cookie=sent.format(cookie)))


@pytest.mark.parametrize(("method", "websocket"), [("POST", False), ("DELETE", False), ("GET", True)])
@pytest.mark.parametrize("needs", ["read", None])
def test_a_cookie_alone_cannot_change_or_listen(
    gate: Gate, ring: KeyRing, method: str, websocket: bool, needs: Role | None
) -> None:
    cookie = ring.new_session(ring.create("me", "admin")[0].key_id)
    for sent in (headers(Cookie=f"vain={cookie}"), headers(Cookie=f"vain={cookie}", Sec_Fetch_Site="none")):
        with pytest.raises(Forbidden, match="Origin"):
            ask(gate, sent, method, needs, websocket)
    assert ask(gate, headers(Cookie=f"vain={cookie}", Origin=PAGE), method, needs, websocket)
    assert ask(gate, headers(Cookie=f"vain={cookie}", Sec_Fetch_Site="same-origin"), method, needs, websocket)


def test_a_native_client_needs_no_origin(gate: Gate, ring: KeyRing) -> None:
    bearer = f"Bearer {ring.create('ci', 'write')[1]}"
    assert ask(gate, headers(Authorization=bearer), websocket=True).name == "ci"
    assert ask(gate, headers(Authorization=bearer, Cookie="vain=x", **JSON), "POST", "write").name == "ci"


def test_wrong_keys_use_up_the_budget_of_a_peer_and_of_nobody_else(gate: Gate, ring: KeyRing, clock: Hands) -> None:
    ring.create("ci", "read")
    wrong = headers(Authorization="Bearer wrong")
    assert _refusals(gate, wrong, 11) == [Unauthenticated] * 10 + [TooManyRequests]
    assert _refusals(gate, wrong, 1, peer="127.0.0.2") == [Unauthenticated]
    clock.seconds += 60
    assert _refusals(gate, wrong, 1) == [Unauthenticated]


def test_a_right_key_is_let_in_whatever_others_do(gate: Gate, ring: KeyRing) -> None:
    _, secret = ring.create("ci", "read")
    _refusals(gate, headers(Authorization="Bearer wrong"), 50)
    assert ask(gate, headers(Authorization=f"Bearer {secret}")).name == "ci"
    assert gate.check_key(secret, "127.0.0.1").name == "ci"


def test_a_page_that_was_left_open_uses_up_nothing(gate: Gate, ring: KeyRing) -> None:
    ring.create("ci", "read")
    assert set(_refusals(gate, headers(Cookie="vain=ended"), 20)) == {Unauthenticated}


def test_a_key_made_by_another_process_works_at_once(gate: Gate, ring: KeyRing) -> None:
    ring.create("first", "read")
    other = KeyRing.open(ring.data_dir)
    _, secret = other.create("second", "read")
    other.close()
    assert ask(gate, headers(Authorization=f"Bearer {secret}")).name == "second"


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "Application/JSON", "application/json;charset=utf-8", 'application/json; charset="UTF-8"'],
)
def test_a_body_may_be_json(gate: Gate, content_type: str) -> None:
    sent = headers(Content_Type=content_type, Content_Length="2")
    assert ask(gate, sent, "POST", "write") == LOCAL


@pytest.mark.parametrize("size", [{"Content-Length": "2"}, {"Transfer-Encoding": "chunked"}, {"Content-Length": "x"}])
@pytest.mark.parametrize(
    "types",
    [
        [], [""], ["text/plain"], ["text/plain; application/json"], ["application/x-www-form-urlencoded"],
        ["multipart/form-data; boundary=x"], ["application/json; charset=utf-16"], ["application/jsonx"],
        ["application/json, text/plain"], ["application/json", "text/plain"], ["application/merge-patch+json"],
    ],
)  # fmt: skip
def test_a_body_may_be_nothing_else(gate: Gate, types: list[str], size: dict[str, str]) -> None:
    with pytest.raises(UnsupportedMediaType):
        ask(gate, headers(*(("Content-Type", one) for one in types), *size.items()), "POST", None)


def test_a_packed_body_is_refused(gate: Gate) -> None:
    with pytest.raises(UnsupportedMediaType):
        ask(gate, headers(Content_Encoding="gzip", **JSON), "POST", "write")


def test_a_merge_patch_may_say_so(gate: Gate) -> None:
    sent = headers(Content_Type="application/merge-patch+json", Content_Length="2")
    assert ask(gate, sent, "PATCH", "write") == LOCAL


@pytest.mark.parametrize("sent", [{}, {"Content-Length": "0"}, {"Content-Length": "0", "Content-Type": "text/plain"}])
def test_where_there_is_no_body_no_kind_is_asked(gate: Gate, sent: dict[str, str]) -> None:
    assert ask(gate, headers(**sent), "DELETE", "write") == LOCAL


def test_an_open_connection_is_admitted_until_its_key_ends(gate: Gate, ring: KeyRing) -> None:
    assert gate.still_admits(LOCAL) and gate.still_admits(NOBODY)
    info, secret = ring.create("ci", "read")
    assert not gate.still_admits(LOCAL)
    identity = ask(gate, headers(Authorization=f"Bearer {secret}"))
    assert gate.still_admits(identity)
    ring.revoke(info.key_id)
    assert not gate.still_admits(identity) and gate.still_admits(NOBODY)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.8.8", "::1", "localhost", "LOCALHOST"])
def test_loopback_may_be_open(ring: KeyRing, address: str) -> None:
    assert is_loopback(address)
    require_key(address, ring)


@pytest.mark.parametrize("address", ["", "0.0.0.0", "::", "192.168.1.5", "fe80::1", "::ffff:127.0.0.1", "x.localhost"])
def test_any_other_address_needs_a_key_and_says_how_to_make_one(ring: KeyRing, address: str) -> None:
    with pytest.raises(Misconfigured, match=f"vain keys create me --role admin --data {ring.data_dir}"):
        require_key(address, ring)
    ring.create("me", "admin")
    require_key(address, ring)


def _refusals(gate: Gate, sent: HTTPHeaders, times: int, peer: str = "127.0.0.1") -> list[type[VainError]]:
    refusals = []
    for _ in range(times):
        with pytest.raises(VainError) as caught:
            ask(gate, sent, peer=peer)
        refusals.append(caught.type)
    return refusals
