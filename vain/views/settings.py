"""What this server is set to, who may use it, how to connect, and what this browser remembers of the viewer's taste."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any, ClassVar, Final

import param
from msgspec import to_builtins
from panel.custom import JSComponent

from vain import words
from vain.about import About, shown_to
from vain.alerting.alert import ShownRule
from vain.alerting.rule import Rule
from vain.alerting.telling import capital, condition_words, title_of
from vain.clock import utc
from vain.store.keys import KeyInfo
from vain.types import Role
from vain.views.live import Live
from vain.views.machine import Meter, Meters
from vain.views.text import asset

ADDRESS: Final = "{address}"
"""What the browser puts its own address of the server in place of."""
KEY_VARIABLE: Final = "VAIN_API_KEY"
HOW: Final = (
    ("Run a command as a task", "vain run -- python train.py"),
    ("Report from Python", 'import vain\n\nwith vain.task("train"):\n    train()'),
    ("See tasks in a notebook", "%load_ext vain"),
    ("Make a task with curl", f'curl {ADDRESS}/tasks -H "Content-Type: application/json" -d \'{{"name": "x"}}\''),
    ("Read the machine with curl", f"curl {ADDRESS}/performance"),
    ("The same with a key", f'curl {ADDRESS}/performance -H "Authorization: Bearer ${KEY_VARIABLE}"'),
)
ELSEWHERE: Final = ("From another machine, say first where the server is", f"export VAIN_URL={ADDRESS}")
WITH_KEY: Final = (
    "And the key, which is read without being shown",
    f"read -rs {KEY_VARIABLE} && export {KEY_VARIABLE}",
)
KEY_COMMANDS: Final = (
    ("Make a key", "vain keys create NAME --role read"),
    ("Show all keys", "vain keys list"),
    ("Revoke a key; it is refused within a second", "vain keys revoke ID"),
)
READING: Final = "Being read"
FOR_ADMINISTRATORS: Final = "Keys are shown to administrators, in the server's own pages"


class Commands(JSComponent):
    """The browser's side: what each command is for, the command, and a button that copies it."""

    commands = param.List(default=[], item_type=tuple)

    _esm = asset("settings_commands.js")
    _stylesheets: ClassVar[list[str]] = [asset("settings.css")]


class Personal(JSComponent):
    """The browser's side, kept by the browser: the theme, whether it notifies, and the zone that it shows times in."""

    _esm = "\n".join(map(asset, ("notify.js", "settings_personal.js")))
    _stylesheets: ClassVar[list[str]] = [asset("settings.css")]


class KeyTable(JSComponent):
    """The browser's side: one row for each key; no secret is in it."""

    listed = param.List(default=[], item_type=dict)
    empty = param.String(default=READING)

    _esm = asset("settings_keys.js")
    _stylesheets: ClassVar[list[str]] = [asset("settings.css")]


class SettingsParts:
    """The parts of the page over a ``Live``, read once: nothing here changes from second to second."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self.server = _meters(READING)
        self.history = _meters(READING)
        self.keys = KeyTable(sizing_mode="stretch_width", margin=0)
        self.key_commands = _commands(KEY_COMMANDS if live.role == "admin" else ())
        self.rules = _meters(READING)
        self.connect = _commands((*HOW, ELSEWHERE, WITH_KEY))
        self.personal = Personal(sizing_mode="stretch_width", margin=0)
        live.fetch(live.source.about, self._show)
        live.fetch(live.source.rules, self._show_rules)

    def _show_rules(self, rules: list[ShownRule]) -> None:
        self.rules.rows = _plain(watching(rules))
        self.rules.empty = "No rule is on"

    def _show(self, about: About) -> None:
        known = shown_to(about, self._live.role)
        self.server.rows = _plain(server(known, self._live.source.host, self._live.role))
        self.history.rows = _plain(history(known, self._live.source.period_seconds))
        self.keys.param.update(
            listed=[key_row(key, utc(time.time())) for key in known.keys or ()], empty=without_keys(known)
        )


def watching(rules: Iterable[Rule]) -> list[Meter]:
    """What is watched for: the rules that are on, in words."""
    return [_rule(rule) for rule in rules if rule.enabled]


def server(about: About, host: str, role: Role) -> list[Meter]:
    """What runs, where, and since when."""
    unknown = "not shown to readers" if role == "read" else words.UNKNOWN
    return [
        Meter("Version", f"vAIn {about.version}" if about.version else words.UNKNOWN),
        Meter("Machine", host),
        Meter("Running since", words.UNKNOWN, moment=about.started_at),
        Meter("Listens on", about.listens_on or unknown),
        Meter("Data folder", about.data_folder or unknown),
        *([Meter("Tasks and events", about.database, "--store")] if about.database else []),
        *(
            []
            if about.leads is None
            else [Meter("Of several servers", "this one leads" if about.leads else "another one leads")]
        ),
        Meter("You may", {"read": "look", "write": "look and change tasks", "admin": "everything"}[role]),
    ]


def history(about: About, period_seconds: float) -> list[Meter]:
    """How often it looks, what it keeps, and how much that is."""
    keeping = about.keeping
    rows = [
        Meter("A sample every", words.duration(period_seconds), "--interval"),
        Meter("History since", words.UNKNOWN, moment=about.history_since),
        Meter("History on disk", words.size(about.history_bytes)),
        *([Meter("Tasks and events on disk", words.size(about.tasks_bytes))] if about.database is None else []),
    ]
    if keeping is None:
        return rows
    return [
        *rows,
        Meter("Every sample is kept", _kept(keeping.every_sample_seconds), "--keep-raw"),
        Meter("A mean of each minute is kept", _kept(keeping.minutes_seconds), "--keep-minutes"),
        Meter("A mean of each hour is kept", _kept(keeping.hours_seconds), "--keep-hours"),
        Meter("The history takes at most", words.size(keeping.most_bytes), "--history-size"),
    ]


def key_row(key: KeyInfo, now: str) -> dict[str, Any]:
    """A key as the browser shows it."""
    return {
        "id": key.key_id,
        "name": key.name,
        "role": key.role,
        "state": key.state(now),
        "created": key.created_at,
        "expires": key.expires_at,
        "used": key.last_used_at,
    }


def without_keys(about: About) -> str:
    """What is said where no key is listed."""
    if about.keys is None:
        return FOR_ADMINISTRATORS
    return "No key was ever made: whoever reaches this server from this machine may do everything"


def _rule(rule: Rule) -> Meter:
    return Meter(title_of(rule), capital(condition_words(rule)))


def _kept(seconds: float | None) -> str:
    return "as long as there is room" if seconds is None else words.duration(seconds)


def _plain(meters: list[Meter]) -> list[dict[str, Any]]:
    return [to_builtins(meter) for meter in meters]


def _meters(empty: str) -> Meters:
    return Meters(empty=empty, sizing_mode="stretch_width", margin=0)


def _commands(commands: tuple[tuple[str, str], ...]) -> Commands:
    return Commands(commands=list(commands), sizing_mode="stretch_width", margin=0)
