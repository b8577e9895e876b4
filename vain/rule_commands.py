"""What ``vain rules`` does: read a file of rules, try rules over the stored history, list those of the server."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

from msgspec import Struct

from vain import forms, words
from vain.alerting.alert import Firing, ShownRule, Silence, SilenceDraft
from vain.alerting.rule import Rule
from vain.alerting.telling import condition_words, title_of
from vain.clock import utc
from vain.codec import encode
from vain.delivery.channels import check_channel
from vain.errors import Invalid, Misconfigured
from vain.rulebook import read_rule_file
from vain.settings import Settings
from vain.terminal import Screen, safe
from vain.wire import Wire

SUCCESS = 0


class _Tested(Struct, frozen=True):
    rule: Rule
    firings: list[Firing]
    step_seconds: float | None = None


def check(args: Namespace, settings: Settings, screen: Screen) -> int:
    """``vain rules check``: nothing but errors; how much was read on stderr."""
    file = read_rule_file(Path(args.file))
    wrong = []
    for name, form in file.channels.items():
        try:
            check_channel(name, form)
        except (Invalid, Misconfigured) as error:
            wrong.append(f"channels.{name}: {error.detail}")
    if wrong:
        raise Misconfigured("\n".join(wrong))
    screen.note(
        f"{safe(Path(args.file).name)}: {len(file.rules)} rules, {len(file.channels)} channels,"
        f" {len(file.silences)} silences, nothing wrong."
    )
    return SUCCESS


def test(args: Namespace, settings: Settings, screen: Screen) -> int:
    """``vain rules test``: a line for each rule, with how often it would have fired and for how long."""
    wire = _wire(settings)
    try:
        from_file = None if args.file is None else read_rule_file(Path(args.file)).rules
        rules: Iterable[Rule] = wire.get(list[ShownRule], "/rules") if from_file is None else from_file
        for rule in rules:
            _print_tested(screen, _tested(wire, rule, _seconds(args.since, "--since"), args.file is None), args.json)
    finally:
        wire.close()
    return SUCCESS


def list_rules(args: Namespace, settings: Settings, screen: Screen) -> int:
    """``vain rules ls``: a line for each rule."""
    wire = _wire(settings)
    try:
        rules = wire.get(list[ShownRule], "/rules")
    finally:
        wire.close()
    for rule in rules:
        if args.json:
            screen.print(encode(rule).decode())
        else:
            state = "off" if not rule.enabled else f"fires {len(rule.firing)}" if rule.firing else "quiet"
            screen.print(f"{rule.name:<24} {state:<8} {rule.origin:<8} {safe(condition_words(rule))}")
    return SUCCESS


def silence(args: Namespace, settings: Settings, screen: Screen) -> int:
    """``vain silence``: its number on stdout."""
    draft = SilenceDraft(rules=args.of_rules, seconds=_seconds(args.lasts, "--for"), comment=args.comment)
    wire = _wire(settings)
    try:
        made = wire.decoded(Silence, wire.send("POST", "/silences", encode(draft)))
    finally:
        wire.close()
    screen.print(str(made.silence_id))
    screen.note(f"Until {words.moment(made.until)}." if made.until is not None else "")
    return SUCCESS


def list_silences(args: Namespace, settings: Settings, screen: Screen) -> int:
    """``vain silence ls``: a line for each."""
    wire = _wire(settings)
    try:
        silences = wire.get(list[Silence], "/silences")
    finally:
        wire.close()
    for each in silences:
        when = f"until {words.moment(each.until)}" if each.until is not None else "in a window"
        what = ", ".join(each.rules) if each.rules is not None else "every rule"
        screen.print(f"{each.silence_id:<6} {when:<28} {safe(what)}  {safe(each.comment)}".rstrip())
    return SUCCESS


def end_silence(args: Namespace, settings: Settings, screen: Screen) -> int:
    """``vain silence end``."""
    wire = _wire(settings)
    try:
        wire.send("DELETE", f"/silences/{args.silence_id}")
    finally:
        wire.close()
    return SUCCESS


def _tested(wire: Wire, rule: Rule, seconds: float, is_stored: bool) -> _Tested:
    query = f"?after=-{seconds:.0f}"
    if is_stored:
        return wire.get(_Tested, f"/rules/{quote(rule.name)}/test{query}")
    return wire.decoded(_Tested, wire.send("POST", f"/rules/test{query}", encode(rule)))


def _print_tested(screen: Screen, tested: _Tested, as_json: bool) -> None:
    rule, firings = tested.rule, tested.firings
    if as_json:
        screen.print(encode({"rule": rule.name, "firings": firings, "step_seconds": tested.step_seconds}).decode())
        return
    times = f"{len(firings)} time" + ("" if len(firings) == 1 else "s")
    screen.print(f"{rule.name:<24} {times:<10} {safe(title_of(rule))}")
    for each in firings:
        lasted = "still" if each.until is None else words.duration(each.until - each.since)
        screen.print(f"  {words.moment(utc(each.since))}  {lasted:<12} {safe(each.subject)}")


def _seconds(text: str, option: str) -> float:
    try:
        seconds = forms.duration(text)
    except ValueError as error:
        raise Misconfigured(f"{option} is {text!r}: {error} would be right.") from None
    if seconds is None:
        raise Misconfigured(f"{option} is 'forever': a time such as 36h or 7d would be right.")
    return seconds


def _wire(settings: Settings) -> Wire:
    return Wire(settings.url, settings.api_key, settings.timeout_seconds)
