"""The administrator's file of rules, channels and silences (TOML): every error is told, with its place. Pure."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from datetime import date, time
from typing import Any, TypeVar

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
    """All that is wrong, each with its place (``rules[2] (disk-root): clear: …``), and what the rest says."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return [str(error)], RuleFile()
    reader = _Reader(document)
    found = RuleFile(reader.rules(), reader.channels(), reader.silences())
    return reader.flaws, found


class _Reader:
    """Reads what can be read, and notes what is wrong with the rest."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document
        unknown = sorted({*document} - TABLES)
        self.flaws = [f"{name}: One of rules, channels and silences is expected." for name in unknown]

    def rules(self) -> tuple[Rule, ...]:
        found, names, channels = list[Rule](), set[str](), self._document.get("channels", ())
        for at, fields in enumerate(self._tables("rules")):
            own = fields.get("name") if isinstance(fields, dict) else None
            place = f"rules[{at}] ({own})" if isinstance(own, str) else f"rules[{at}]"
            rule = self._read(Rule, checked, place, fields)
            if own in names:
                self.flaws.append(f"{place}: name: Another rule has this name.")
            names |= {own} if isinstance(own, str) else set()
            if rule is not None:
                found.append(rule)
                unknown = [name for name in rule.channels or () if name != "webhook" and name not in channels]
                self.flaws += [f"{place}: channels: There is no channel {name!r} in this file." for name in unknown]
        return tuple(found)

    def silences(self) -> tuple[SilenceDraft, ...]:
        found = (
            self._read(SilenceDraft, _lasting, f"silences[{at}]", fields)
            for at, fields in enumerate(self._tables("silences"))
        )
        return tuple(each for each in found if each is not None)

    def channels(self) -> dict[str, ChannelForm]:
        tables = self._document.get("channels", {})
        if not isinstance(tables, dict):
            self.flaws.append("channels: Tables such as [channels.ops] are expected.")
            return {}
        found = {
            name: self._read(ChannelForm, checked_channel, f"channels.{name}", fields)
            for name, fields in tables.items()
        }
        return {name: form for name, form in found.items() if form is not None}

    def _tables(self, name: str) -> list[Any]:
        tables = self._document.get(name, [])
        if isinstance(tables, list):
            return tables
        self.flaws.append(f"{name}: Tables such as [[{name}]] are expected.")
        return []

    def _read(self, type_: type[T], check: Callable[[T], T], place: str, fields: Any) -> T | None:
        """What the fields stand for, if they make sense."""
        try:
            if not isinstance(fields, dict):
                raise Invalid("A table is expected.")
            return check(convert(type_, _plain(fields), strict=True))
        except Invalid as error:
            flaws = error.flaws or (Flaw(error.detail),)
            said = ((place, (each.pointer or "").strip("/"), each.detail) for each in flaws)
            self.flaws += [": ".join(filter(None, parts)) for parts in said]
            return None


def _lasting(draft: SilenceDraft) -> SilenceDraft:
    """One that means the same whenever the file is read, also when its time is over. Raises Invalid."""
    if draft.seconds is not None:
        detail = "It would begin anew with each start: until or recurring is expected."
        raise Invalid(f"seconds: {detail}", [Flaw(detail, pointer="/seconds")])
    silence_of(draft, 1, 0.0)
    return draft


def _plain(value: Any) -> Any:
    """Dates and times of TOML in the words that JSON has for them."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, time):
        return value.isoformat("minutes")
    return value.isoformat() if isinstance(value, date) else value
