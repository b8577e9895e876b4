"""Which rules there are: whose wins, who may change which, and what the administrator's file may say."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tests.store.opened import Opened, with_store
from vain.alerting.rule import Rule
from vain.alerting.rule_file import RuleFile
from vain.errors import Conflict, Invalid, Misconfigured, NotFound
from vain.rulebook import MOST_RULES, RuleBook, read_rule_file

OURS = Rule(name="cpu-busy", metric="cpu.percent", above=95)
FILED = Rule(name="disk-root", metric="disk.percent:/", above=95)
MADE = Rule(name="queue", metric="tasks.pending", above=100)


def with_book(folder: Path, work: Callable[[RuleBook], Awaitable[Any]], file: tuple[Rule, ...] = (FILED,)) -> Any:
    async def main(made: Opened) -> Any:
        book = RuleBook(made.store, RuleFile(file), [OURS])
        await book.start()
        return await work(book)

    return with_store(folder, main)


def names(book: RuleBook) -> list[tuple[str, str]]:
    return [(owned.rule.name, owned.origin) for owned in book.rules()]


def test_a_rule_that_is_made_is_there_after_a_restart(tmp_path: Path) -> None:
    async def make(book: RuleBook) -> None:
        assert (await book.put(MADE)).origin == "api"
        await book.put(replace(MADE, above=7))

    async def look(book: RuleBook) -> None:
        assert names(book) == [("cpu-busy", "default"), ("disk-root", "file"), ("queue", "api")]
        assert book.find("queue").rule.above == 7

    with_book(tmp_path, make)
    with_book(tmp_path, look)


def test_a_rule_of_ours_that_was_replaced_is_back_when_that_is_dropped(tmp_path: Path) -> None:
    async def work(book: RuleBook) -> None:
        await book.put(replace(OURS, enabled=False))
        assert book.find("cpu-busy") == (replace(OURS, enabled=False), "api")
        await book.drop("cpu-busy")
        assert book.find("cpu-busy") == (OURS, "default")
        with pytest.raises(Conflict, match="enabled"):
            await book.drop("cpu-busy")

    with_book(tmp_path, work)


def test_the_file_wins_and_is_changed_only_there(tmp_path: Path) -> None:
    async def make(book: RuleBook) -> None:
        await book.put(replace(FILED, above=50))

    async def work(book: RuleBook) -> None:
        assert book.find("disk-root") == (FILED, "file")
        with pytest.raises(Conflict, match="file"):
            await book.put(replace(FILED, above=50))
        with pytest.raises(Conflict, match="file"):
            await book.drop("disk-root")

    async def after(book: RuleBook) -> None:
        assert book.find("disk-root") == (replace(FILED, above=50), "api")

    with_book(tmp_path, make, file=())
    with_book(tmp_path, work)
    with_book(tmp_path, after, file=())


def test_what_makes_no_sense_or_is_taken_or_unknown_is_refused(tmp_path: Path) -> None:
    async def work(book: RuleBook) -> None:
        with pytest.raises(Invalid) as caught:
            await book.put(replace(MADE, clear=101))
        assert caught.value.flaws[0].pointer == "/clear"
        await book.put(MADE, is_new=True)
        with pytest.raises(Conflict, match="already"):
            await book.put(MADE, is_new=True)
        for ask in (book.drop("nobody"), _found(book, "nobody")):
            with pytest.raises(NotFound):
                await ask

    with_book(tmp_path, work)


async def _found(book: RuleBook, name: str) -> None:
    book.find(name)


def test_whoever_listens_hears_of_each_change_and_sees_it(tmp_path: Path) -> None:
    async def work(book: RuleBook) -> None:
        heard: list[int] = []
        book.on_change.append(lambda: heard.append(len(book.rules())))
        await book.put(MADE)
        await book.drop("queue")
        with pytest.raises(Conflict):
            await book.drop("disk-root")
        assert heard == [3, 2]

    with_book(tmp_path, work)


def test_there_are_no_more_rules_than_are_judged_in_time(tmp_path: Path) -> None:
    async def work(book: RuleBook) -> None:
        with pytest.raises(Conflict, match="not taken"):
            await book.put(MADE)
        await book.put(replace(OURS, above=90))

    many = tuple(replace(FILED, name=f"r{number}") for number in range(MOST_RULES - 1))
    with_book(tmp_path, work, file=many)


def written(folder: Path, text: str, mode: int = 0o644) -> Path:
    path = folder / "rules.toml"
    path.write_text(text, "utf-8")
    path.chmod(mode)
    return path


def test_the_file_is_read(tmp_path: Path) -> None:
    text = '[[rules]]\nname = "disk-root"\nmetric = "disk.percent:/"\nabove = 95\n[channels.ops]\ncommand = ["true"]\n'
    found = read_rule_file(written(tmp_path, text))
    assert found.rules == (FILED,) and found.channels["ops"].command == ["true"]


def test_every_error_of_the_file_is_told_with_its_place(tmp_path: Path) -> None:
    text = '[[rules]]\nname = "a"\nmetric = "cpu.percent"\nabove = 9\nclear = 10\n[[rules]]\nname = "a"\nabove = 1\n'
    with pytest.raises(Misconfigured) as caught:
        read_rule_file(written(tmp_path, text))
    lines = caught.value.detail.splitlines()
    assert len(lines) == 3 and all(line.startswith("rules.toml: rules[") for line in lines)
    assert "rules[0] (a): clear: Not above the threshold" in lines[0]


@pytest.mark.parametrize("body", [b"\xff", b"[[rules"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, body: bytes) -> None:
    path = tmp_path / "rules.toml"
    path.write_bytes(body)
    with pytest.raises(Misconfigured, match=r"rules\.toml"):
        read_rule_file(path)
    with pytest.raises(Misconfigured, match="No such file"):
        read_rule_file(tmp_path / "none.toml")


@pytest.mark.skipif(os.name != "posix", reason="modes are those of POSIX")
def test_nobody_else_may_change_the_file_or_read_secrets_in_it(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="chmod o-w"):
        read_rule_file(written(tmp_path, "", 0o646))
    secret = '[channels.mail]\napprise = "mailtos://u:p@example.org"\n'
    with pytest.raises(Misconfigured, match="chmod 600") as caught:
        read_rule_file(written(tmp_path, secret, 0o640))
    assert "u:p" not in caught.value.detail
    assert read_rule_file(written(tmp_path, secret, 0o600)).channels["mail"].kind == "apprise"
