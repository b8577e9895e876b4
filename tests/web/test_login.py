"""Signing in and out, through the handlers."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import pytest
from tornado.httputil import HTTPHeaders

from vain.errors import Forbidden, Invalid, Malformed, TooManyRequests, Unauthenticated
from vain.store.keys import KeyInfo, KeyRing
from vain.web import login
from vain.web.gate import NOBODY, Gate
from vain.web.http import Request, Response
from vain.web.login import next_path, page, sign_in, sign_in_url, sign_out


class Server(NamedTuple):
    gate: Gate
    keys: KeyRing
    oauth: None = None


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    keys = KeyRing.open(tmp_path)
    yield Server(Gate([], 5006, keys), keys)
    keys.close()


@pytest.fixture
def key(server: Server) -> tuple[KeyInfo, str]:
    return server.keys.create("me", "write")


def request(body: bytes = b"", query: str = "", secure: bool = False, **headers: str) -> Request:
    sent = HTTPHeaders({"Host": "localhost:5006"} | headers)
    return Request("POST" if body else "GET", "/login", query, sent, body, "127.0.0.1", NOBODY, secure)


def body_of(secret: str) -> bytes:
    return b'{"key": "%s"}' % secret.encode()


def html_of(response: Response) -> str:
    assert isinstance(response.body, bytes)
    return response.body.decode()


def test_a_right_key_gets_a_cookie_that_signs_in(server: Server, key: tuple[KeyInfo, str]) -> None:
    response = asyncio.run(sign_in(server, request(body_of(key[1]))))
    match = re.fullmatch(
        r"vain=([\w-]{43}); Path=/; Max-Age=604800; HttpOnly; SameSite=Strict", response.headers["Set-Cookie"]
    )
    assert response.status == 204 and response.body == b"" and match
    sent = HTTPHeaders({"Host": "localhost:5006", "Cookie": f"vain={match[1]}"})
    assert server.gate.admit("GET", "/", sent, "127.0.0.1", "write").key_id == key[0].key_id


def test_the_key_of_an_agent_opens_no_page(server: Server) -> None:
    _, secret = server.keys.create("gpu-3", "agent", host="gpu-3")
    with pytest.raises(Forbidden, match="'gpu-3' is that of an agent"):
        asyncio.run(sign_in(server, request(body_of(secret))))


@pytest.mark.parametrize(("secure", "origin"), [(True, ""), (False, "https://vain.example.org")])
def test_over_https_the_cookie_is_bound_to_it(
    server: Server, key: tuple[KeyInfo, str], secure: bool, origin: str
) -> None:
    response = asyncio.run(sign_in(server, request(body_of(key[1]), secure=secure, Origin=origin)))
    assert response.headers["Set-Cookie"].startswith("__Host-vain=")
    assert response.headers["Set-Cookie"].endswith("; Path=/; Max-Age=604800; HttpOnly; SameSite=Strict; Secure")


def test_signing_in_again_ends_the_session_before(server: Server, key: tuple[KeyInfo, str]) -> None:
    before = server.keys.new_session(key[0].key_id)
    response = asyncio.run(sign_in(server, request(body_of(key[1]), Cookie=f"vain={before}")))
    assert server.keys.session(before) is None
    assert before not in response.headers["Set-Cookie"]


def test_every_wrong_key_gets_the_same_answer_and_no_cookie(server: Server, key: tuple[KeyInfo, str]) -> None:
    revoked, secret_of_revoked = server.keys.create("old", "admin")
    server.keys.revoke(revoked.key_id)
    answers = set()
    for wrong in ("", "x", "vain_00000000_" + key[1][14:], key[1][:-1], key[1] + " ", secret_of_revoked, "x" * 5000):
        with pytest.raises(Unauthenticated) as caught:
            asyncio.run(sign_in(server, request(body_of(wrong))))
        answers.add(str(caught.value))
    assert len(answers) == 1 and server.keys._sessions == {}


def test_guessing_is_slowed_down_and_the_right_key_still_works(server: Server, key: tuple[KeyInfo, str]) -> None:
    for _ in range(10):
        with pytest.raises(Unauthenticated):
            asyncio.run(sign_in(server, request(body_of("wrong"))))
    with pytest.raises(TooManyRequests):
        asyncio.run(sign_in(server, request(body_of("wrong"))))
    assert asyncio.run(sign_in(server, request(body_of(key[1])))).status == 204


@pytest.mark.parametrize("body", [b"{}", b'{"key": 1}', b'{"key": "x", "role": "admin"}', b"[]", b"not JSON"])
def test_a_body_that_holds_no_key_is_refused_and_costs_nothing(server: Server, body: bytes) -> None:
    for _ in range(11):
        with pytest.raises((Invalid, Malformed)):
            asyncio.run(sign_in(server, request(body)))


def test_a_key_that_ends_while_it_signs_in_gets_nothing(
    server: Server, key: tuple[KeyInfo, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server.gate, "check_key", lambda secret, peer: server.keys.revoke(secret))
    with pytest.raises(Unauthenticated):
        asyncio.run(sign_in(server, request(body_of(key[1]))))


def test_signing_out_ends_the_session_here_and_in_the_browser(server: Server, key: tuple[KeyInfo, str]) -> None:
    cookie = server.keys.new_session(key[0].key_id)
    response = asyncio.run(sign_out(server, request(Cookie=f"vain={cookie}")))
    assert server.keys.session(cookie) is None
    assert response.status == 204
    assert response.headers["Set-Cookie"] == "vain=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict"


def test_signing_out_without_a_session_does_no_harm(server: Server) -> None:
    assert asyncio.run(sign_out(server, request())).status == 204


def test_no_key_is_in_the_text_of_what_was_sent() -> None:
    assert "vain_secret" not in repr(login.Credentials("vain_secret"))


@pytest.mark.usefixtures("key")
def test_the_page_allows_its_own_script_and_style_and_no_other(server: Server) -> None:
    response = asyncio.run(page(server, request()))
    html, policy = html_of(response), response.headers["Content-Security-Policy"]
    for tag in ("script", "style"):
        (text,) = re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
        assert f"{tag}-src 'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" in policy
    assert policy.startswith("default-src 'none'") and "unsafe" not in policy
    assert response.content_type == "text/html; charset=utf-8"


@pytest.mark.usefixtures("key")
def test_the_page_asks_nothing_of_another_host(server: Server) -> None:
    html = html_of(asyncio.run(page(server, request())))
    assert not re.search(r"(?i)https?:|//\w|url\(|@import|\bstyle=|\bon\w+=", html)


@pytest.mark.usefixtures("key")
def test_the_page_knows_where_to_go_on(server: Server) -> None:
    html = html_of(asyncio.run(page(server, request(query="next=/board%3Fq=1%26x=2"))))
    assert 'data-next="/board?q=1&amp;x=2"' in html


@pytest.mark.usefixtures("key")
def test_the_page_shows_no_markup_that_comes_with_its_address(server: Server) -> None:
    hostile = quote('/"><script>alert(1)</script>')
    assert html_of(asyncio.run(page(server, request(query=f"next={hostile}")))).count("<script>") == 1


def test_where_no_key_is_needed_the_page_sends_on(server: Server) -> None:
    response = asyncio.run(page(server, request(query="next=/board%3Fq=%C3%A4%26x=%252520")))
    assert (response.status, response.headers["Location"]) == (303, "/board?q=%C3%A4&x=%2520")


def test_who_is_signed_in_already_is_sent_on(server: Server, key: tuple[KeyInfo, str]) -> None:
    cookie = server.keys.new_session(key[0].key_id)
    assert asyncio.run(page(server, request(query="next=/board", Cookie=f"vain={cookie}"))).status == 303
    server.keys.end_session(cookie)
    assert asyncio.run(page(server, request(query="next=/board", Cookie=f"vain={cookie}"))).status == 200


@pytest.mark.parametrize(
    "path", ["/", "/board", "/board?status=pending&q=a%20b", "/a..b/..c?x=/../", "/#x", "/täsk", "/login-help"]
)
def test_the_way_back_may_be_any_path_of_ours(path: str) -> None:
    assert next_path(sign_in_url(path).partition("?")[2]) == path


def test_the_way_back_keeps_its_query() -> None:
    assert sign_in_url("/board", "q=a&b=%26") == "/login?next=/board%3Fq%3Da%26b%3D%2526"
    assert next_path("next=/board%3Fq%3Da%26b%3D%2526") == "/board?q=a&b=%26"


ELSEWHERE = [
    "", "board", "http://evil.example", "//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example",
    "/%2Fevil.example", "/%252Fevil.example", "/%5Cevil.example", "/%255cevil.example", "/\t/evil.example",
    "/%09/evil.example", "/%2509/evil.example", "/\n/evil.example", "/\r//evil.example", "javascript:alert(1)",
    " //evil.example", "/x\\..\\evil", "%2F%2Fevil.example", "/\x00", "/login", "/login?next=/login", "/login/",
    "/../hub", "/a/../../b", "/./../x", "/%2e%2e/hub", "/..",
    "/lo%67in",
]  # fmt: skip


@pytest.mark.parametrize("target", ELSEWHERE)
def test_the_way_back_never_leaves_this_server(target: str) -> None:
    assert next_path("next=" + quote(target)) == "/"
    assert next_path("next=" + quote(target) + "&next=/board") in ("/", "/board")


def test_without_a_way_back_the_dashboard_is_next() -> None:
    assert next_path("") == next_path("other=/board") == next_path("next") == next_path("next=") == "/"


def test_the_page_may_not_be_framed(server: Server, key: tuple[KeyInfo, str]) -> None:
    headers = asyncio.run(page(server, request())).headers
    assert headers["X-Frame-Options"] == "DENY" and "frame-ancestors 'none'" in headers["Content-Security-Policy"]
