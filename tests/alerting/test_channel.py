"""A channel has exactly one way, and shows none of it."""

from __future__ import annotations

import pytest

from vain.alerting.channel import ChannelForm, checked_channel
from vain.codec import convert
from vain.errors import Invalid


@pytest.mark.parametrize(
    "form",
    [
        ChannelForm(webhook="https://example.org/x", secret="whsec_x"),
        ChannelForm(apprise="ntfys://example.org/x", group_for=60),
        ChannelForm(command=["/bin/true", "--now"], level="info"),
    ],
)
def test_one_way_is_right(form: ChannelForm) -> None:
    assert checked_channel(form) is form


@pytest.mark.parametrize(
    ("form", "pointers"),
    [
        (ChannelForm(), [""]),
        (ChannelForm(webhook="https://example.org/x", command=["x"]), ["/command"]),
        (ChannelForm(apprise="ntfys://example.org/x", secret="whsec_x"), ["/secret"]),
    ],
)
def test_none_or_two_are_refused_by_name(form: ChannelForm, pointers: list[str]) -> None:
    with pytest.raises(Invalid) as caught:
        checked_channel(form)
    assert [flaw.pointer for flaw in caught.value.flaws] == pointers


@pytest.mark.parametrize("fields", [{"command": []}, {"command": "rm -rf"}, {"hook": "x"}, {"level": "loud"}])
def test_other_fields_and_shapes_are_refused(fields: dict[str, object]) -> None:
    with pytest.raises(Invalid):
        convert(ChannelForm, fields)


def test_it_shows_neither_address_nor_secret() -> None:
    shown = repr([ChannelForm(webhook="https://geheim", secret="geheim"), ChannelForm(command=["geheim"])])
    assert shown == "[ChannelForm(webhook), ChannelForm(command)]"
