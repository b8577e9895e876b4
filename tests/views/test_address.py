"""What a page takes from its address."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from vain.views import address
from vain.views import range as range_view


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[bytes]]:
    """The arguments of the page that is being built."""
    arguments: dict[str, list[bytes]] = {}
    context = SimpleNamespace(request=SimpleNamespace(arguments=arguments))
    state = SimpleNamespace(curdoc=SimpleNamespace(session_context=context))
    monkeypatch.setattr(address, "pn", SimpleNamespace(state=state))
    return arguments


@pytest.mark.parametrize("typed", [b"", b"x", b"nan", b"inf", b"-1", b"1e300", b"\xff"])
def test_what_is_no_time_is_absent(opened: dict[str, list[bytes]], typed: bytes) -> None:
    opened["after"] = [typed]
    assert address.moment("after") is None


@pytest.mark.parametrize("typed", [b"", b"0", b"-3", b"7.5", b"\xd9\xa7", b"9" * 17])
def test_what_is_no_number_is_absent(opened: dict[str, list[bytes]], typed: bytes) -> None:
    opened["id"] = [typed]
    assert address.number("id") is None


def test_the_first_value_counts_and_a_long_one_does_not(opened: dict[str, list[bytes]]) -> None:
    opened.update(q=[b"a", b"b"], long=[b"x" * 501], id=[b"7"])
    assert (address.argument("q"), address.argument("long"), address.argument("none")) == ("a", None, None)
    assert address.number("id") == 7


def test_an_address_names_a_window(opened: dict[str, list[bytes]]) -> None:
    assert range_view.wanted_by_address() is None
    opened.update(after=[b"1000"], before=[b"2000"])
    wanted = range_view.wanted_by_address()
    assert wanted is not None and (wanted.kind, wanted.after, wanted.before) == ("fixed", 1000, 2000)
    opened["last"] = [b"86400"]
    wanted = range_view.wanted_by_address()
    assert wanted is not None and (wanted.kind, wanted.seconds) == ("last", 86_400)


@pytest.mark.parametrize("moving", [{}, {"live": [b"900"]}, {"last": [b"86400"]}])
def test_a_link_to_an_explained_stretch_that_has_passed_shows_the_stretch(
    opened: dict[str, list[bytes]], moving: dict[str, list[bytes]]
) -> None:
    opened.update({"from": [b"5000"], "to": [b"5010"], **moving})
    shown = range_view.wanted_by_address(lambda: 100_000.0)
    assert shown is not None and (shown.kind, shown.after, shown.before) == ("fixed", 4855, 5155)
    soon = range_view.wanted_by_address(lambda: 5100.0)
    assert soon is None if not moving else soon is not None and soon.kind in moving


def test_a_window_that_is_named_counts_more_than_the_explained_stretch(opened: dict[str, list[bytes]]) -> None:
    opened.update({"from": [b"5000"], "to": [b"5010"], "after": [b"1000"], "before": [b"2000"]})
    shown = range_view.wanted_by_address(lambda: 100_000.0)
    assert shown is not None and (shown.after, shown.before) == (1000, 2000)


@pytest.mark.parametrize("typed", [{"live": [b"17"]}, {"last": [b"1"]}, {"after": [b"2000"], "before": [b"1000"]}])
def test_a_window_that_there_is_not_is_none(opened: dict[str, list[bytes]], typed: dict[str, list[bytes]]) -> None:
    opened.update(typed)
    assert range_view.wanted_by_address() is None
