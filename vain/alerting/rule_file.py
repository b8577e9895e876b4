"""The administrator's file of rules, channels and silences (TOML): every error is told, with its place. Pure."""

from __future__ import annotations

import tomllib
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from vain.alerting.alert import SilenceDraft
from vain.alerting.channel import ChannelForm, checked_channel
from vain.alerting.rule import Rule, checked
from vain.alerting.silencing import silence_of
from vain.codec import convert
from vain.errors import Flaw, Invalid

T = TypeVar("T")
TABLES = frozenset({"rules", "channels", "silences"})


class RuleFile(Struct, frozen=True):
    """What the file says."""

    rules: tuple[Rule, ...] = ()
    channels: dict[str, ChannelForm] = {}
    silences: tuple[SilenceDraft, ...] = ()


def has_secrets(file: RuleFile) -> bool:
    """Whether nobody else may read it: addresses of Apprise hold passwords and tokens."""
    return any(form.apprise is not None or form.secret is not None for form in file.channels.values())


def parsed(text: str) -> tuple[list[str], RuleFile]:
    """What is wrong, each with its place (``rules[2] (disk-root): clear: …``), and if nothing is what the file says."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return [str(error)], RuleFile()
    flaws = [f"{name}: One of rules, channels and silences is expected." for name in sorted(set(document) - TABLES)]
    rules = _tables(document, "rules", flaws)
    silences = _tables(document, "silences", flaws)
    channels = document.get("channels", {})
    if not isinstance(channels, dict):
        flaws.append("channels: Tables such as [channels.ops] are expected.")
        channels = {}
    found = RuleFile(
        tuple(_read(Rule, each, _place("rules", at, each), flaws) for at, each in enumerate(rules)),
        {name: _read(ChannelForm, each, f"channels.{name}", flaws) for name, each in channels.items()},
        tuple(_read(SilenceDraft, each, f"silences[{at}]", flaws) for at, each in enumerate(silences)),
    )
    if not flaws:
        flaws += _checked(found)
    return flaws, found


def _tables(document: dict[str, Any], name: str, flaws: list[str]) -> list[Any]:
    tables = document.get(name, [])
    if not isinstance(tables, list):
        flaws.append(f"{name}: Tables such as [[{name}]] are expected.")
        return []
    return tables


def _place(name: str, at: int, fields: Any) -> str:
    own = fields.get("name") if isinstance(fields, dict) else None
    return f"{name}[{at}] ({own})" if isinstance(own, str) else f"{name}[{at}]"


def _read(type_: type[T], fields: Any, place: str, flaws: list[str]) -> T:
    """What the fields stand for; something else of that type where they stand for nothing, and a flaw."""
    try:
        if not isinstance(fields, dict):
            raise Invalid("A table is expected.")
        return convert(type_, fields)
    except Invalid as error:
        flaws += _told(place, error)
        return msgspec.convert({}, type_) if type_ is not Rule else msgspec.convert({"name": "x"}, type_)


def _checked(file: RuleFile) -> list[str]:
    flaws: list[str] = []
    names: set[str] = set()
    for at, rule in enumerate(file.rules):
        place = f"rules[{at}] ({rule.name})"
        flaws += _flaws_of(place, lambda rule=rule: checked(rule))
        if rule.name in names:
            flaws.append(f"{place}: name: Another rule has this name.")
        names.add(rule.name)
        unknown = [name for name in rule.channels or () if name not in file.channels and name != "webhook"]
        flaws += [f"{place}: channels: There is no channel {name!r} in this file." for name in unknown]
    for name, form in file.channels.items():
        flaws += _flaws_of(f"channels.{name}", lambda form=form: checked_channel(form))
    for at, draft in enumerate(file.silences):
        flaws += _flaws_of(f"silences[{at}]", lambda draft=draft: silence_of(draft, 1, 0.0))
    return flaws


def _flaws_of(place: str, check: Any) -> list[str]:
    try:
        check()
    except Invalid as error:
        return _told(place, error)
    return []


def _told(place: str, error: Invalid) -> list[str]:
    flaws = error.flaws or (Flaw(error.detail),)
    return [": ".join(part for part in (place, (each.pointer or "").strip("/"), each.detail) if part) for each in flaws]
