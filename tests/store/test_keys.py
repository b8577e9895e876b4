"""The key ring, on real files, or in PostgreSQL where one is named; time moves when a test moves it."""

from __future__ import annotations

import hmac
import os
import re
import stat
import subprocess
import sys
import threading
import zlib
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import apsw
import pytest

from tests.store.engines import keys_of, sqlite_only
from vain.clock import utc
from vain.errors import Invalid, Misconfigured, NotFound, StoreDamaged, Unavailable
from vain.store import key_file, keys
from vain.store.keys import MOST_SESSIONS_PER_KEY, SESSION_IDLE_SECONDS, SESSION_SECONDS, KeyRing

HOUR_SECONDS, DAY_SECONDS = 3600, 86_400


class Hands:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.seconds = 1_800_000_000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Hands:
    return Hands()


@pytest.fixture
def ring(tmp_path: Path, clock: Hands) -> Iterator[KeyRing]:
    ring = keys_of(tmp_path / "data", clock)
    yield ring
    ring.close()


@pytest.fixture
def other(ring: KeyRing, clock: Hands) -> Iterator[KeyRing]:
    """The same keys as ``ring``'s, as another process sees them."""
    other = keys_of(ring.data_dir, clock)
    yield other
    other.close()


def test_the_key_of_an_agent_has_a_host_and_no_other_key_has(ring: KeyRing) -> None:
    info, secret = ring.create("gpu-3", "agent", host="gpu-3")
    found = ring.identify(secret)
    assert found == info and found is not None
    assert (found.role, found.host) == ("agent", "gpu-3")
    for role, host in (("agent", None), ("write", "gpu-3"), ("agent", "no name")):
        with pytest.raises(Invalid) as caught:
            ring.create("x", role, host=host)  # type: ignore[arg-type]
        (flaw,) = caught.value.flaws
        assert (flaw.pointer or flaw.parameter or "").strip("/") == "host"


@sqlite_only
def test_a_file_of_before_there_were_agents_keeps_its_keys_and_sessions(tmp_path: Path, clock: Hands) -> None:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    path = folder / "keys.db"
    path.touch(mode=0o600)
    old = apsw.Connection(str(path))
    old.execute(Path(key_file.__file__).with_name("keys_1.sql").read_text("utf-8"))
    old.execute("INSERT INTO keys VALUES ('abcdefgh', zeroblob(32), 'old', 'admin', ?, NULL, NULL, NULL)", (utc(0),))
    old.execute("INSERT INTO sessions VALUES (randomblob(32), 'abcdefgh', ?, ?)", (utc(0), utc(0)))
    old.close()
    ring = KeyRing.open(folder, clock)
    assert [(key.key_id, key.name, key.role, key.host) for key in ring.list()] == [("abcdefgh", "old", "admin", None)]
    _, secret = ring.create("gpu-3", "agent", host="gpu-3")
    ring.close()
    again = KeyRing.open(folder, clock)
    assert again.identify(secret) is not None
    again.close()
    whole = apsw.Connection(str(path))
    assert whole.execute("PRAGMA foreign_key_check").fetchall() == []
    assert whole.execute("SELECT count(*) FROM sessions").get == 1
    whole.close()


def test_a_key_is_identified_and_nothing_else_is(ring: KeyRing) -> None:
    info, secret = ring.create("ci", "write")
    assert ring.identify(secret) == info
    for wrong in ("", "vain_", secret[:-1], secret + "x", secret.swapcase(), secret.replace(info.key_id, "00000000")):
        assert ring.identify(wrong) is None
    assert ring.identify("vain_\ud800" + secret[6:]) is None


def test_a_key_has_the_announced_form_and_a_true_check(ring: KeyRing) -> None:
    info, secret = ring.create("ci", "read")
    assert re.fullmatch(r"vain_[0-9a-z]{8}_[0-9A-Za-z]{49}", secret)
    assert secret[5:13] == info.key_id
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    check = sum(digits.index(digit) * 62**place for place, digit in enumerate(reversed(secret[-6:])))
    assert check == zlib.crc32(secret[:-6].encode())


def test_no_two_keys_are_alike(ring: KeyRing) -> None:
    made = [ring.create("ci", "read") for _ in range(20)]
    assert len({info.key_id for info, _ in made}) == len({secret[14:] for _, secret in made}) == 20


@sqlite_only
def test_no_secret_is_in_any_file(ring: KeyRing) -> None:
    info, secret = ring.create("ci", "admin")
    cookie = ring.new_session(info.key_id)
    written = b"".join(path.read_bytes() for path in ring.data_dir.iterdir())
    assert info.key_id.encode() in written
    assert secret.encode() not in written and secret[14:57].encode() not in written
    assert cookie.encode() not in written


def test_no_secret_is_in_what_the_ring_tells(ring: KeyRing) -> None:
    _, secret = ring.create("ci", "admin")
    assert secret[14:] not in repr(ring.list()) + repr(vars(ring))


@sqlite_only
@pytest.mark.skipif(os.name != "posix", reason="modes are those of POSIX")
def test_folder_file_and_journal_are_private_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        ring = KeyRing.open(tmp_path / "data")
        ring.create("ci", "read")
        with key_file.transaction(ring._database._connection):
            ring._database._connection.execute("UPDATE keys SET name = 'x'")
            modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in ring.data_dir.iterdir()}
        ring.close()
    finally:
        os.umask(before)
    assert modes == {"keys.db": 0o600, "keys.db-journal": 0o600}
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


@sqlite_only
@pytest.mark.skipif(os.name != "posix", reason="modes are those of POSIX")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o602])
def test_a_file_that_others_can_reach_is_refused_with_the_cure(ring: KeyRing, mode: int) -> None:
    path = ring.data_dir / "keys.db"
    path.chmod(mode)
    with pytest.raises(Misconfigured, match=f"chmod 600 {path}"):
        KeyRing.open(ring.data_dir)


@pytest.mark.skipif(os.name != "posix", reason="modes are those of POSIX")
def test_a_folder_where_anyone_may_delete_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with pytest.raises(Misconfigured, match="chmod o-w"):
        KeyRing.open(tmp_path)


def test_a_link_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").touch(0o600)
    (tmp_path / "keys.db").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Misconfigured, match="is a link"):
        KeyRing.open(tmp_path)


@sqlite_only
def test_a_file_of_another_user_is_refused(ring: KeyRing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_file.os, "geteuid", lambda: 4711)
    with pytest.raises(Misconfigured, match="another user"):
        KeyRing.open(ring.data_dir)


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "keys.db"
    path.touch(0o600)
    path.write_bytes(b"not a database, " * 64)
    with pytest.raises(StoreDamaged):
        KeyRing.open(tmp_path)
    assert path.read_bytes() == b"not a database, " * 64


@sqlite_only
def test_a_file_of_a_newer_version_is_refused(ring: KeyRing) -> None:
    ring._database._connection.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreDamaged, match="newer"):
        KeyRing.open(ring.data_dir)


def test_expiry_ends_a_key(ring: KeyRing, clock: Hands) -> None:
    info, secret = ring.create("ci", "read", expires_in_seconds=90)
    clock.seconds += 89.9
    assert ring.identify(secret) == info and info.state(utc(clock.seconds)) == "valid"
    clock.seconds += 0.2
    assert ring.identify(secret) is None and info.state(utc(clock.seconds)) == "expired"


def test_revocation_ends_a_key_for_good(ring: KeyRing, clock: Hands) -> None:
    info, secret = ring.create("ci", "read")
    revoked = ring.revoke(info.key_id)
    assert ring.identify(secret) is None
    assert revoked.state(utc(clock.seconds)) == "revoked"
    clock.seconds += DAY_SECONDS
    assert ring.revoke(info.key_id).revoked_at == revoked.revoked_at


def test_revoke_takes_a_whole_key_and_never_repeats_it(ring: KeyRing) -> None:
    _, secret = ring.create("ci", "read")
    assert ring.revoke(secret).revoked_at is not None
    unknown = "vain_zzzzzzzz_" + secret[14:]
    with pytest.raises(NotFound) as caught:
        ring.revoke(unknown)
    assert secret[14:] not in str(caught.value)


def test_the_end_of_the_last_key_does_not_open_the_server(ring: KeyRing) -> None:
    assert not ring.any_keys()
    ring.revoke(ring.create("ci", "read")[0].key_id)
    assert ring.any_keys()


@pytest.mark.parametrize(
    ("name", "role", "seconds", "field"),
    [
        ("", "read", None, "name"), ("x" * 101, "read", None, "name"), ("\x1b[31mred", "read", None, "name"),
        ("ci", "root", None, "role"), ("ci", "read", 0, "expires_in_seconds"), ("ci", "read", -1, "expires_in_seconds"),
        ("ci", "read", float("nan"), "expires_in_seconds"), ("ci", "read", 1e300, "expires_in_seconds"),
    ],
)  # fmt: skip
def test_what_makes_no_key_is_refused_by_name(
    ring: KeyRing, name: str, role: keys.Role, seconds: float | None, field: str
) -> None:
    with pytest.raises(Invalid) as caught:
        ring.create(name, role, seconds)
    assert caught.value.flaws[0].pointer == f"/{field}"
    assert ring.list() == ()


def test_keys_are_listed_in_the_order_they_were_made(ring: KeyRing, clock: Hands) -> None:
    for name in ("b", "a", "c"):
        ring.create(name, "read")
        clock.seconds += 1
    assert [info.name for info in ring.list()] == ["b", "a", "c"]


def test_what_another_process_writes_holds_from_the_next_refresh(ring: KeyRing, other: KeyRing) -> None:
    info, secret = other.create("ci", "read")
    ring.refresh()
    assert ring.identify(secret) == info
    other.revoke(info.key_id)
    ring.refresh()
    assert ring.identify(secret) is None


def test_a_key_made_by_another_process_is_known(ring: KeyRing) -> None:
    script = "import sys, pathlib; from tests.store.engines import keys_of; r = keys_of(pathlib.Path(sys.argv[1]));"
    script += "print(r.create('ci', 'admin')[1]); r.close()"
    made = subprocess.run([sys.executable, "-c", script, ring.data_dir], capture_output=True, text=True, check=True)
    ring.refresh()
    found = ring.identify(made.stdout.strip())
    assert found is not None and found.role == "admin"


def test_refresh_reads_nothing_when_nothing_was_written(ring: KeyRing, monkeypatch: pytest.MonkeyPatch) -> None:
    ring.create("ci", "read")
    monkeypatch.setattr(ring, "_load", lambda: pytest.fail("the file was read"))
    ring.refresh()


@sqlite_only
def test_refresh_does_not_wait_for_a_writer(ring: KeyRing, other: KeyRing) -> None:
    info, secret = ring.create("ci", "read")
    other._database._connection.execute("BEGIN EXCLUSIVE")
    ring.refresh()
    assert ring.identify(secret) == info
    other._database._connection.execute("ROLLBACK")


@sqlite_only
def test_a_file_that_stays_busy_is_told_and_nothing_changes(
    ring: KeyRing, other: KeyRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_file, "LONGEST_WAIT_MILLISECONDS", 1)
    other._database._connection.execute("BEGIN EXCLUSIVE")
    with pytest.raises(Unavailable):
        ring.create("ci", "read")
    other._database._connection.execute("ROLLBACK")
    assert ring.create("again", "read")[0] == ring.list()[0]


def test_two_that_write_at_once_lose_nothing(ring: KeyRing, other: KeyRing) -> None:
    threads = [threading.Thread(target=lambda r=r: [r.create("ci", "read") for _ in range(10)]) for r in (ring, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ring.refresh()
    assert len(ring.list()) == 20


def test_an_unknown_id_is_compared_as_a_wrong_secret_is(ring: KeyRing, monkeypatch: pytest.MonkeyPatch) -> None:
    _, secret = ring.create("ci", "read")
    compared: list[tuple[bytes, bytes]] = []

    def compare(given: bytes, stored: bytes) -> bool:
        compared.append((given, stored))
        return hmac.compare_digest(given, stored)

    monkeypatch.setattr(keys, "compare_digest", compare)
    for wrong in (secret[:-1] + "!", "vain_00000000_" + secret[14:], ""):
        ring.identify(wrong)
    assert [(len(given), len(stored)) for given, stored in compared] == [(32, 32)] * 3


def test_the_last_use_is_kept_to_the_minute(ring: KeyRing, other: KeyRing, clock: Hands) -> None:
    info, secret = ring.create("ci", "read")
    clock.seconds += 90
    ring.identify(secret)
    ring.save_use()
    other.refresh()
    assert other.list()[0].last_used_at == utc(clock.seconds - clock.seconds % 60)
    assert info.last_used_at is None


def test_a_session_stands_for_its_key(ring: KeyRing) -> None:
    info, _ = ring.create("me", "admin")
    cookie = ring.new_session(info.key_id)
    assert len(cookie) == 43 and ring.session(cookie) == info
    assert ring.session(cookie[:-1]) is None and ring.session("") is None


def test_a_session_outlives_a_restart(ring: KeyRing, other: KeyRing) -> None:
    info, _ = ring.create("me", "admin")
    cookie = ring.new_session(info.key_id)
    other.refresh()
    found = other.session(cookie)
    assert found is not None and found.key_id == info.key_id


def test_a_session_ends_when_it_is_idle(ring: KeyRing, clock: Hands) -> None:
    cookie = ring.new_session(ring.create("me", "admin")[0].key_id)
    clock.seconds += SESSION_IDLE_SECONDS - 1
    assert ring.session(cookie) is not None
    clock.seconds += SESSION_IDLE_SECONDS - 1
    assert ring.session(cookie) is not None
    clock.seconds += SESSION_IDLE_SECONDS
    assert ring.session(cookie) is None


def test_a_session_in_use_ends_after_a_week(ring: KeyRing, clock: Hands) -> None:
    cookie = ring.new_session(ring.create("me", "admin")[0].key_id)
    lived_hours = next(hours for hours in count(1) if _later(clock, HOUR_SECONDS) and ring.session(cookie) is None)
    assert lived_hours * HOUR_SECONDS == SESSION_SECONDS


def test_a_session_in_use_is_not_forgotten_when_another_begins(ring: KeyRing, other: KeyRing, clock: Hands) -> None:
    info, _ = ring.create("me", "admin")
    cookie = ring.new_session(info.key_id)
    for _ in range(3):
        clock.seconds += SESSION_IDLE_SECONDS / 2
        assert ring.session(cookie) is not None
    ring.new_session(info.key_id)
    other.refresh()
    assert ring.session(cookie) is not None and other.session(cookie) is not None


@pytest.mark.parametrize("end", ["revoked", "expired", "signed out"])
def test_a_session_ends_with_its_key_or_by_signing_out(ring: KeyRing, clock: Hands, end: str) -> None:
    info, _ = ring.create("me", "admin", expires_in_seconds=HOUR_SECONDS)
    cookie = ring.new_session(info.key_id)
    if end == "revoked":
        ring.revoke(info.key_id)
    elif end == "expired":
        clock.seconds += HOUR_SECONDS
    else:
        ring.end_session(cookie)
    assert ring.session(cookie) is None


def test_a_key_that_has_ended_opens_no_session(ring: KeyRing) -> None:
    info, _ = ring.create("me", "admin")
    ring.revoke(info.key_id)
    with pytest.raises(NotFound):
        ring.new_session(info.key_id)


def test_signing_out_with_a_made_up_cookie_writes_nothing(ring: KeyRing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ring, "_writing", lambda: pytest.fail("a transaction was started"))
    ring.end_session("made up")


def test_a_key_has_a_bounded_number_of_sessions(ring: KeyRing, clock: Hands) -> None:
    info, _ = ring.create("me", "admin")
    with ring._writing() as execute:  # one sync for all of them
        for number in range(MOST_SESSIONS_PER_KEY):
            at = utc(clock.seconds + number)
            execute(keys.queries.ADD_SESSION, (bytes([number]) * 32, info.key_id, at, at))
    clock.seconds += MOST_SESSIONS_PER_KEY
    assert ring.session(ring.new_session(info.key_id)) is not None
    assert len(ring._sessions) == MOST_SESSIONS_PER_KEY and bytes(32) not in ring._sessions


@sqlite_only
def test_a_file_that_breaks_while_it_is_used_is_told_and_the_old_view_holds(ring: KeyRing, other: KeyRing) -> None:
    info, secret = ring.create("ci", "read")
    other.create("more", "read")
    (ring.data_dir / "keys.db").write_bytes(b"x" * 8192)
    with pytest.raises(StoreDamaged):
        ring.refresh()
    assert ring.identify(secret) == info
    ring._used.clear()


@sqlite_only
def test_every_statement_asks_the_tables_as_they_are(ring: KeyRing) -> None:
    connection = ring._database._connection
    for name, statement in vars(keys.queries).items():
        if name.isupper():
            assert connection.execute(f"EXPLAIN {statement}", (None,) * statement.count("?")).fetchall(), name
    assert isinstance(connection, apsw.Connection)


def _later(clock: Hands, seconds: float) -> bool:
    clock.seconds += seconds
    return True


def test_of_keys_that_end_by_themselves_the_newest_of_a_name_are_kept(ring: KeyRing, clock: Hands) -> None:
    lasting, _ = ring.create("ada", "read")
    made = []
    for _ in range(4):
        clock.seconds += 1
        made.append(ring.create("ada", "read", 3_600.0)[0])
    cookie = ring.new_session(made[0].key_id)
    other, _ = ring.create("bob", "read", 3_600.0)
    ring.revoke(made[3].key_id)
    ring.forget_surplus("ada", 2)
    assert {info.key_id for info in ring.list()} == {each.key_id for each in (lasting, made[1], made[2], other)}
    assert ring.session(cookie) is None
