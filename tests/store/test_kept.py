"""What the server keeps of its rules: JSON by kind and name, in the transaction of what goes with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.store.opened import Opened, in_one_commit, with_store
from vain.notification import Notice
from vain.store import reading
from vain.store.database import Store
from vain.store.transaction import Transaction

NOW = "2026-01-01T00:00:00.000Z"


async def stored(store: Store, kind: str = "rule") -> dict[str, bytes]:
    return await store.read(lambda connection: reading.kept(connection, kind))  # type: ignore[arg-type]  # one of them


def test_it_is_kept_by_kind_and_name_until_it_is_dropped(tmp_path: Path) -> None:
    async def work(made: Opened) -> None:
        def change(transaction: Transaction) -> None:
            transaction.keep("rule", "b", b"1")
            transaction.keep("rule", "a", b"2")
            transaction.keep("alert", "a", b"3")

        await made.store.write(change)
        assert list((await stored(made.store)).items()) == [("a", b"2"), ("b", b"1")]
        assert await stored(made.store, "alert") == {"a": b"3"}
        await made.store.write(lambda transaction: transaction.keep("rule", "a", None))
        assert await stored(made.store) == {"b": b"1"}

    with_store(tmp_path, work)


def test_a_transaction_sees_what_it_and_those_before_it_in_the_commit_have_kept(tmp_path: Path) -> None:
    async def work(made: Opened) -> None:
        await made.store.write(lambda transaction: transaction.keep("rule", "old", b"0"))

        def first(transaction: Transaction) -> None:
            transaction.keep("rule", "old", None)
            transaction.keep("rule", "new", b"1")

        def second(transaction: Transaction) -> tuple[bytes | None, bytes | None, dict[str, bytes]]:
            transaction.keep("rule", "own", b"2")
            return transaction.kept("rule", "old"), transaction.kept("rule", "own"), transaction.all_kept("rule")

        _, seen = await in_one_commit(made.store, made.store.write(first), made.store.write(second))
        assert seen == (None, b"2", {"new": b"1", "own": b"2"})

    with_store(tmp_path, work)


def test_what_is_kept_and_what_is_told_are_stored_together_or_not_at_all(tmp_path: Path) -> None:
    async def work(made: Opened) -> None:
        def change(transaction: Transaction) -> None:
            transaction.keep("alert", "a", b"1")
            transaction.notify(Notice("rule.fired", "warning", "t"), NOW, [])
            raise ValueError("after it was kept")

        with pytest.raises(ValueError, match="after it was kept"):
            await made.store.write(change)
        assert await stored(made.store, "alert") == {} and made.published == []

    with_store(tmp_path, work)


def test_it_outlives_the_process(tmp_path: Path) -> None:
    async def keep(made: Opened) -> None:
        await made.store.write(lambda transaction: transaction.keep("silence", "7", b"{}"))

    async def find(made: Opened) -> dict[str, bytes]:
        return await stored(made.store, "silence")

    with_store(tmp_path, keep)
    assert with_store(tmp_path, find) == {"7": b"{}"}
