"""The administrator's file: what it says, and of what is wrong in it each with its place."""

from __future__ import annotations

import pytest

from vain.alerting.alert import Recurring, SilenceDraft
from vain.alerting.channel import ChannelForm
from vain.alerting.rule import Rule
from vain.alerting.rule_file import RuleFile, has_secrets, parsed

WHOLE = """
[[rules]]
name = "disk-root"
metric = "disk.percent:/"
above = 95
for = 60
channels = ["ops"]

[[rules]]
name = "nightly"
tasks = ["failed", "missed"]
task = "backup"

[channels.ops]
webhook = "https://ops.example.org/hooks/vain"
level = "error"

[[silences]]
rules = ["cpu-busy"]
recurring = {start = "02:00", seconds = 3600, days = [1, 2, 3, 4, 5], timezone = "Europe/Berlin"}
"""
RULE = '[[rules]]\nname = "a"\nmetric = "cpu.percent"\nabove = 90\n'


def test_what_it_says_is_read() -> None:
    flaws, found = parsed(WHOLE)
    assert flaws == []
    window = Recurring(start="02:00", seconds=3600, days=[1, 2, 3, 4, 5], timezone="Europe/Berlin")
    assert found == RuleFile(
        (
            Rule(name="disk-root", metric="disk.percent:/", above=95, for_seconds=60, channels=["ops"]),
            Rule(name="nightly", tasks=["failed", "missed"], task="backup"),
        ),
        {"ops": ChannelForm(webhook="https://ops.example.org/hooks/vain", level="error")},
        (SilenceDraft(rules=["cpu-busy"], recurring=window),),
    )


def test_an_empty_file_says_nothing() -> None:
    assert parsed("# nothing yet\n") == ([], RuleFile())


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("[[rule]]\n", ["rule: "]),
        ("rules = 7\n", ["rules: Tables such as [[rules]]"]),
        ('rules = ["a"]\n', ["rules[0]: "]),
        ('channels = ["a"]\n', ["channels: Tables such as [channels.ops]"]),
        ("[channels]\nops = 1\n", ["channels.ops: "]),
        ('[[silences]]\nuntil = "soon"\n', ["silences[0]: until: "]),
        ("[[silences]]\nseconds = 60\nforever = true\n", ["silences[0]: "]),
        (RULE + "clear = 91\n", ["rules[0] (a): clear: Not above the threshold"]),
        (RULE + "for = -1\n", ["rules[0] (a): for: "]),
        (RULE + 'level = "loud"\n', ["rules[0] (a): level: "]),
        (RULE + "treshold = 1\n", ["rules[0] (a): "]),
        (RULE + RULE, ["rules[1] (a): name: Another rule has this name."]),
        (RULE + 'channels = ["ops", "webhook"]\n', ["rules[0] (a): channels: There is no channel 'ops'"]),
        ("[channels.ops]\n", ["channels.ops: "]),
        ('[channels.ops]\ncommand = "rm -rf"\n', ["channels.ops: command: "]),
        (
            '[channels.ops]\nwebhook = "https://x.example"\ncommand = ["x"]\n',
            ["channels.ops: command: Not together with webhook."],
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_place(text: str, places: list[str]) -> None:
    flaws, _ = parsed(text)
    assert len(flaws) == len(places), flaws
    for flaw, place in zip(flaws, places, strict=True):
        assert flaw.startswith(place), flaw


def test_all_that_is_wrong_is_told_at_once() -> None:
    flaws, _ = parsed(RULE + "clear = 91\nfor = 60\n" + RULE + '[channels.ops]\nsecret = "x"\n[[silences]]\n')
    assert [flaw.split(":")[0] for flaw in flaws] == ["rules[0] (a)", "rules[1] (a)", "channels.ops", "silences[0]"]


def test_text_that_is_no_toml_is_told_with_its_line() -> None:
    (flaw,), found = parsed(RULE + "above 95\n")
    assert "line 5" in flaw and found == RuleFile()


@pytest.mark.parametrize(
    ("stamp", "is_time"),
    [("2027-01-01T00:00:00Z", True), ("2027-01-01T00:00:00+01:00", True), ("2027-01-01", False), ("07:32:00", False)],
)
def test_a_time_needs_no_quotes(stamp: str, is_time: bool) -> None:
    flaws, found = parsed(f"[[silences]]\nuntil = {stamp}\n")
    assert [each.until is not None for each in found.silences] == ([True] if is_time else []) and bool(flaws) != is_time
    assert not parsed("[[silences]]\nrecurring = {start = 02:00:00, seconds = 60}\n")[0]


def test_a_number_is_no_text_and_a_silence_of_the_file_has_no_length() -> None:
    flaws, found = parsed(RULE.replace("90", '"90"') + "[[silences]]\nseconds = 60\n" + RULE.replace('"a"', '"b"'))
    assert [flaw.split(":")[:2] for flaw in flaws] == [["rules[0] (a)", " above"], ["silences[0]", " seconds"]]
    assert [rule.name for rule in found.rules] == ["b"], "the rest is read all the same"


def test_a_secret_is_neither_shown_nor_overlooked() -> None:
    apprise = '[channels.mail]\napprise = "mailtos://user:geheim@example.org"\n'
    signed = '[channels.ops]\nwebhook = "https://x.example"\nsecret = "whsec_geheim"\n'
    plain = '[channels.ops]\nwebhook = "https://x.example"\n'
    assert [has_secrets(parsed(text)[1]) for text in (apprise, signed, plain, "")] == [True, True, False, False]
    flaws, found = parsed(apprise + signed + "level = 7\n")
    assert "geheim" not in f"{flaws} {found}" and flaws
