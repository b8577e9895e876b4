"""``vain hosts``: the machines that report, and how one is forgotten."""

from __future__ import annotations

from argparse import Namespace

from vain import words
from vain.client import Client
from vain.codec import encode
from vain.hosts import Host
from vain.setting_types import Settings
from vain.terminal import Screen, safe

SUCCESS = 0
HEADINGS = ("HOST", "STATE", "CPU", "MEMORY", "DISK", "GPU", "LOAD", "TASKS", "CLOCK", "VERSION")
SKEWED_SECONDS = 0.5
"""A clock that is off by less is not worth a word."""


def list_(args: Namespace, settings: Settings, screen: Screen) -> int:
    """``vain hosts ls``: a line for each machine, the server's own first."""
    with _client(settings) as client:
        hosts = client.hosts()
    if args.json:
        for host in hosts:
            screen.print(encode(host).decode())
    else:
        screen.table(HEADINGS, [_row(host) for host in hosts])
    return SUCCESS


def forget(args: Namespace, settings: Settings, screen: Screen) -> int:
    """``vain hosts rm``: the machine and its history; with the next report of its agent it is there again."""
    with _client(settings) as client:
        for name in args.names:
            client.forget_host(name)
            screen.note(f"Forgot {safe(name)} and its history.")
    return SUCCESS


def _client(settings: Settings) -> Client:
    return Client(settings.url, settings.api_key, settings.timeout_seconds)


def _row(host: Host) -> tuple[str, ...]:
    now = host.now
    shown = (None,) * 5 if now is None else (
        now.cpu_usage, now.memory_usage, now.disk_usage, now.gpu_usage, now.load_1m
    )  # fmt: skip
    return (
        safe(host.name),
        "this server" if host.kind == "server" else "silent" if host.silent else "live",
        *(words.percent(value) for value in shown[:4]),
        words.count(shown[4]),
        str(host.tasks_in_progress),
        _clock(host.clock_skew_seconds),
        safe(host.version or words.UNKNOWN),
    )


def _clock(skew: float | None) -> str:
    if skew is None or abs(skew) < SKEWED_SECONDS:
        return "" if skew is None else "right"
    return f"{words.duration(abs(skew))} {'ahead' if skew > 0 else 'behind'}"
