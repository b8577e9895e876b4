"""What ``vain rules`` and ``vain silence`` do: read a file of rules, try rules over the stored history, tell nobody."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sized
from pathlib import Path

from vain import forms, words
from vain.alerting.alert import Tested
from vain.alerting.telling import condition_words, title_of
from vain.client import Client
from vain.clock import utc
from vain.codec import encode
from vain.delivery.channels import check_channel
from vain.errors import Invalid, Misconfigured
from vain.rulebook import read_rule_file
from vain.setting_types import Settings
from vain.terminal import Screen, safe

SUCCESS, FAILURE = 0, 1


def check(args: Namespace, settings: Settings, screen: Screen) -> int:
    """``vain rules check``: a line on stderr for each error, or how much was read."""
    place = Path(args.file)
    if not place.is_file():
        raise Misconfigured(f"There is no file {str(place)!r}.")
    try:
        file = read_rule_file(place)
        for name, form in file.channels.items():
            check_channel(name, form)
    except (Invalid, Misconfigured) as error:
        for line in error.detail.splitlines():
            screen.note(safe(line))
        return FAILURE
    counts = (_count(file.rules, "rule"), _count(file.channels, "channel"), _count(file.silences, "silence"))
    screen.note(f"{safe(place.name)}: {', '.join(counts)}, nothing wrong.")
    return SUCCESS


def test(args: Namespace, settings: Settings, screen: Screen) -> int:
    """``vain rules test``: a line for each rule, with how often it would have fired and for how long."""
    after = -_seconds(args.since, "--since")
    from_file = None if args.file is None else read_rule_file(Path(args.file)).rules
    with _client(settings) as client:
        for rule in client.rules() if from_file is None else from_file:
            _print_tested(screen, client.test_rule(rule.name if from_file is None else rule, after), args.json)
    return SUCCESS


def list_rules(args: Namespace, settings: Settings, screen: Screen) -> int:
    """``vain rules ls``: a line for each rule."""
    with _client(settings) as client:
        rules = client.rules()
    for rule in rules:
        if args.json:
            screen.print(encode(rule).decode())
        else:
            state = "off" if not rule.enabled else f"fires {len(rule.firing)}" if rule.firing else "quiet"
            screen.print(f"{rule.name:<24} {state:<8} {rule.origin:<8} {safe(condition_words(rule))}")
    return SUCCESS


def silence(args: Namespace, settings: Settings, screen: Screen) -> int:
    """``vain silence begin``: its number on stdout."""
    seconds = _seconds(args.lasts, "--for")
    with _client(settings) as client:
        made = client.silence(args.of_rules, seconds=seconds, comment=args.comment)
    screen.print(str(made.silence_id))
    screen.note(f"Until {words.moment(made.until)}." if made.until is not None else "")
    return SUCCESS


def list_silences(args: Namespace, settings: Settings, screen: Screen) -> int:
    """``vain silence ls``: a line for each."""
    with _client(settings) as client:
        silences = client.silences()
    for each in silences:
        when = f"until {words.moment(each.until)}" if each.until is not None else "in a window"
        what = ", ".join(each.rules) if each.rules is not None else "every rule"
        screen.print(f"{each.silence_id:<6} {when:<28} {safe(what)}  {safe(each.comment)}".rstrip())
    return SUCCESS


def end_silence(args: Namespace, settings: Settings, screen: Screen) -> int:
    """``vain silence end``."""
    with _client(settings) as client:
        client.end_silence(args.silence_id)
    return SUCCESS


def _print_tested(screen: Screen, tested: Tested, as_json: bool) -> None:
    rule, firings = tested.rule, tested.firings
    if as_json:
        screen.print(encode({"rule": rule.name, "firings": firings, "step_seconds": tested.step_seconds}).decode())
        return
    screen.print(f"{rule.name:<24} {_count(firings, 'time'):<10} {safe(title_of(rule))}")
    for each in firings:
        lasted = "still" if each.until is None else words.duration(each.until - each.since)
        screen.print(f"  {words.moment(utc(each.since))}  {lasted:<12} {safe(each.subject)}")


def _count(things: Sized, what: str) -> str:
    return f"{len(things)} {what}" + ("" if len(things) == 1 else "s")


def _seconds(text: str, option: str) -> float:
    try:
        seconds = forms.duration(text)
    except ValueError as error:
        raise Misconfigured(f"{option} is {text!r}: {error} would be right.") from None
    if seconds is None:
        raise Misconfigured(f"{option} is 'forever': a time such as 36h or 7d would be right.")
    return seconds


def _client(settings: Settings) -> Client:
    return Client(settings.url, settings.api_key, settings.timeout_seconds)
