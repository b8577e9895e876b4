"""The headers of every reply."""

from __future__ import annotations

import pytest
from tornado.httputil import HTTPHeaders

from vain.web.headers import API_POLICY, PAGE_POLICY, Kind, api_head, secure

ALWAYS = {"X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": "same-origin"}
SHOWN = {"X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer", "Cross-Origin-Opener-Policy": "same-origin"}


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("api", {"Content-Security-Policy": API_POLICY, "Cache-Control": "no-store"}),
        ("page", {**SHOWN, "Content-Security-Policy": PAGE_POLICY, "Cache-Control": "no-store"}),
        ("static", {"Content-Security-Policy": API_POLICY}),
    ],
)
def test_each_kind_of_reply_carries_its_headers(kind: Kind, more: dict[str, str]) -> None:
    headers = HTTPHeaders()
    secure(headers, kind)
    assert dict(headers) == ALWAYS | more


def test_what_invites_other_sites_or_tells_of_us_is_taken_off() -> None:
    headers = HTTPHeaders(
        {"Server": "TornadoServer/6.6.1", "Access-Control-Allow-Origin": "*", "Content-Type": "text/html"}
    )
    secure(headers, "page")
    assert "Server" not in headers and not [name for name in headers if name.startswith("Access-Control")]
    assert headers["Content-Type"] == "text/html"


def test_what_a_file_says_of_its_age_is_kept() -> None:
    headers = HTTPHeaders({"Cache-Control": "max-age=60"})
    secure(headers, "static")
    assert headers["Cache-Control"] == "max-age=60"


def test_the_own_headers_of_an_api_reply_win() -> None:
    assert api_head({})["Cache-Control"] == "no-store"
    assert api_head({"Cache-Control": "no-cache", "ETag": '"1"'})["Cache-Control"] == "no-cache"
    assert ALWAYS.items() <= dict(api_head({"ETag": '"1"'})).items()
    assert "ETag" not in api_head({})


def test_no_policy_lets_a_page_talk_to_another_host() -> None:
    for policy in (PAGE_POLICY, API_POLICY):
        assert "http" not in policy and "ws:" not in policy and "*" not in policy
        assert "frame-ancestors 'none'" in policy


def test_a_head_is_written_as_tornado_writes_it() -> None:
    head = api_head({"ETag": '"7-3"', "Location": "/tasks/7"})
    lines = head.written("HTTP/1.1 200 OK").decode().split("\r\n")
    assert lines == ["HTTP/1.1 200 OK", *(f"{name}: {value}" for name, value in head.get_all()), "", ""]


@pytest.mark.parametrize("value", ["a\r\nSet-Cookie: x", "a\nb", "a\rb", "\n", "a\r"])
def test_no_value_can_begin_a_line_of_its_own(value: str) -> None:
    with pytest.raises(ValueError, match="end of a line"):
        api_head({"Location": value}).written("HTTP/1.1 303 See Other")
