"""What starting the server does besides serving."""

from __future__ import annotations

import webbrowser

import pytest

from vain.web.serving import _open_browser


class Browser:
    """A browser that notes what it is asked to open."""

    def __init__(self) -> None:
        self.opened: list[str] = []

    def open(self, url: str) -> bool:
        self.opened.append(url)
        return True


def test_the_dashboard_is_opened_in_a_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    browser = Browser()
    monkeypatch.setattr(webbrowser, "get", lambda: browser)
    _open_browser("http://localhost:5006")
    assert browser.opened == ["http://localhost:5006"]


def test_a_browser_for_text_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    text_browser = webbrowser.GenericBrowser("w3m")
    opened: list[str] = []
    monkeypatch.setattr(text_browser, "open", opened.append)
    monkeypatch.setattr(webbrowser, "get", lambda: text_browser)
    _open_browser("http://localhost:5006")
    assert opened == []


def test_no_browser_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def get() -> None:
        raise webbrowser.Error("could not locate runnable browser")

    monkeypatch.setattr(webbrowser, "get", get)
    assert _open_browser("http://localhost:5006") is None
