"""What ``vain keys`` does: it works on the data folder itself, whether a server runs on it or not."""

from __future__ import annotations

import time
from argparse import Namespace
from contextlib import closing

from vain.clock import utc
from vain.fields import duration_seconds
from vain.setting_types import Settings
from vain.store.keys import KeyInfo, KeyRing
from vain.terminal import Screen, safe, safe_json

SUCCESS = 0


def create(args: Namespace, settings: Settings, screen: Screen) -> int:
    """``vain keys create``: the key on stdout, once."""
    expires_in_seconds = None if args.expires is None else duration_seconds(args.expires)
    with closing(KeyRing.open(settings.data_dir, store_url=settings.store_url)) as ring:
        info, secret = ring.create(args.name, args.role, expires_in_seconds, args.key_host)
    screen.print(secret)
    until = f"until {info.expires_at}" if info.expires_at else "until it is revoked"
    role = info.role if info.host is None else f"{info.role} of {safe(info.host)}"
    screen.note(f"Key {info.key_id} ({safe(info.name)}), role {role}, {until}. It is shown only now: keep it safe.")
    return SUCCESS


def list_(args: Namespace, settings: Settings, screen: Screen) -> int:
    """``vain keys list``: all keys that were ever made, without their secrets."""
    with closing(KeyRing.open(settings.data_dir, store_url=settings.store_url)) as ring:
        keys = ring.list()
    if args.json:
        screen.print(safe_json(keys))
    elif keys:
        now = utc(time.time())
        headings = ("ID", "ROLE", "STATE", "CREATED", "EXPIRES", "LAST USED", "NAME")
        screen.table(headings, [_row(key, now) for key in keys])
    else:
        screen.note("There is no key yet: `vain keys create NAME` makes one.")
    return SUCCESS


def revoke(args: Namespace, settings: Settings, screen: Screen) -> int:
    """``vain keys revoke``: the id of each on stdout; a running server stops taking the key within a second."""
    with closing(KeyRing.open(settings.data_dir, store_url=settings.store_url)) as ring:
        for key_id in args.ids:
            info = ring.revoke(key_id)
            screen.print(info.key_id)
            screen.note(f"Revoked key {info.key_id} ({safe(info.name)}).")
    return SUCCESS


def _row(key: KeyInfo, now: str) -> tuple[str, ...]:
    return (
        key.key_id,
        key.role if key.host is None else f"{key.role} of {key.host}",
        key.state(now),
        key.created_at,
        key.expires_at or "never",
        key.last_used_at or "never",
        key.name,
    )
