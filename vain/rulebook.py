"""Which rules there are: ours, those that people made, those of the administrator's file. A name has one rule."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from msgspec import structs

from vain.alerting.alert import Alert, Origin, ShownRule
from vain.alerting.rule import DEFAULT_RULES, Rule, checked
from vain.alerting.rule_file import RuleFile, has_secrets, parsed
from vain.codec import decode, encode
from vain.errors import Conflict, Misconfigured, NotFound
from vain.store import reading
from vain.store.database import Store

MOST_RULES = 1_000
NO_FILE = RuleFile()


class Owned(NamedTuple):
    """A rule, and who made it."""

    rule: Rule
    origin: Origin

    def shown(self, alerts: Iterable[Alert]) -> ShownRule:
        """As people see it: with those of the alerts that are its own."""
        firing = [alert for alert in alerts if alert.rule == self.rule.name]
        return ShownRule(**structs.asdict(self.rule), origin=self.origin, firing=firing)


class RuleBook:
    """Belongs to the event loop; ``start`` reads what people made, and ``on_change`` is called after each change."""

    def __init__(self, store: Store, file: RuleFile = NO_FILE, defaults: Iterable[Rule] = DEFAULT_RULES) -> None:
        self._store = store
        self._defaults = {rule.name: rule for rule in defaults}
        self._file = {rule.name: rule for rule in file.rules}
        self._made: dict[str, Rule] = {}
        self._lock = asyncio.Lock()
        self.on_change: list[Callable[[], None]] = []

    async def start(self) -> None:
        """Read what people made."""
        kept = await self._store.read(lambda connection: reading.kept(connection, "rule"))
        self._made = {name: decode(Rule, body) for name, body in kept.items()}

    async def read_again(self) -> None:
        """Somebody may have changed it at another server."""
        async with self._lock:
            before = self._made
            await self.start()
        if self._made != before:
            self._changed()

    def rules(self) -> list[Owned]:
        """All of them, by name."""
        found = {name: Owned(rule, "default") for name, rule in self._defaults.items()}
        found |= {name: Owned(rule, "api") for name, rule in self._made.items()}
        found |= {name: Owned(rule, "file") for name, rule in self._file.items()}
        return [found[name] for name in sorted(found)]

    def find(self, name: str) -> Owned:
        """The one of this name. Raises NotFound."""
        owned = next((each for each in self.rules() if each.rule.name == name), None)
        if owned is None:
            raise NotFound(f"There is no rule {name!r}.")
        return owned

    async def put(self, rule: Rule, is_new: bool = False) -> Owned:
        """Make it, or replace the one of its name. Raises Invalid; Conflict if the file has it, or it is not new."""
        checked(rule)
        async with self._lock:
            known = {each.rule.name: each for each in self.rules()}
            owned = known.get(rule.name)
            if owned is not None and owned.origin == "file":
                raise Conflict(f"The rule {rule.name!r} is in the administrator's file and can only be changed there.")
            if owned is not None and is_new:
                raise Conflict(f"name: There is a rule {rule.name!r} already; PUT /rules/{rule.name} replaces it.")
            if owned is None and len(known) >= MOST_RULES:
                raise Conflict(f"There are {MOST_RULES} rules, and more are not taken.")
            body = encode(rule)
            await self._store.write(lambda transaction: transaction.keep("rule", rule.name, body))
            self._made[rule.name] = rule
            self._changed()
        return Owned(rule, "api")

    async def drop(self, name: str) -> None:
        """Forget what somebody made: a rule of ours that it replaced is back. Raises NotFound or Conflict."""
        async with self._lock:
            origin = self.find(name).origin
            if origin == "file":
                raise Conflict(f"The rule {name!r} is in the administrator's file and can only be changed there.")
            if origin == "default":
                raise Conflict(f"The rule {name!r} comes with vAIn: set its enabled to false to be rid of it.")
            await self._store.write(lambda transaction: transaction.keep("rule", name, None))
            self._made.pop(name, None)
            self._changed()

    def _changed(self) -> None:
        for each in self.on_change:
            each()


def read_rule_file(path: Path) -> RuleFile:
    """The administrator's file. Raises Misconfigured: it cannot be read, others may change it, or all that is wrong."""
    try:
        text, mode = path.read_text("utf-8"), path.stat().st_mode
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8"
        raise Misconfigured(f"{path} cannot be read: {why}.") from error
    flaws, found = parsed(text)
    if flaws:
        raise Misconfigured("\n".join(f"{path.name}: {each}" for each in flaws))
    shown = f"{stat.S_IMODE(mode):04o}"
    if mode & stat.S_IWOTH:
        raise Misconfigured(f"{path}: everybody may change it (mode {shown}); chmod o-w would be right.")
    if mode & (stat.S_IRGRP | stat.S_IROTH) and has_secrets(found):
        raise Misconfigured(
            f"{path}: it holds secrets, and others may read it (mode {shown}); chmod 600 would be right."
        )
    return found
