"""Settings: where each comes from, and what is said of a wrong one."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import platformdirs
import pytest

from vain import settings
from vain.errors import Misconfigured

KEY = "vain_k3v9x0ab_" + "a" * 49


def test_defaults_are_those_of_the_contract() -> None:
    known = settings.load({}, {})
    assert (known.host, known.port, known.interval_seconds, known.no_browser) == ("127.0.0.1", 5006, 1.0, False)
    assert (known.url, known.api_key, known.pages_dir) == ("http://127.0.0.1:5006", None, None)
    assert known.data_dir.name == "vain" and known.data_dir.is_absolute()


def test_an_option_wins_over_its_variable() -> None:
    variables = {"VAIN_PORT": "8080", "VAIN_HOST": "0.0.0.0"}
    known = settings.load({"port": "9090", "host": None}, variables)
    assert (known.port, known.host) == (9090, "0.0.0.0")


def test_every_option_is_also_a_variable(tmp_path: Path) -> None:
    rules = tmp_path / "rules.toml"
    rules.touch()
    texts = {
        "VAIN_HOST": "::1", "VAIN_PORT": "80", "VAIN_DATA": str(tmp_path), "VAIN_INTERVAL": "0.5",
        "VAIN_NO_BROWSER": "1", "VAIN_ALLOW_HOST": "a.example, b.example", "VAIN_PAGES": str(tmp_path),
        "VAIN_LOG_LEVEL": "DEBUG", "VAIN_URL": "https://vain.example/", "VAIN_TIMEOUT": "3",
        "VAIN_KEEP_RAW": "36h", "VAIN_KEEP_MINUTES": "2Y", "VAIN_KEEP_HOURS": "forever", "VAIN_HISTORY_SIZE": "512 MiB",
        "VAIN_SPOOL": str(tmp_path), "VAIN_PREFIX": "/vain/", "VAIN_TRUST_PROXY": "127.0.0.1, 10.0.0.0/8",
        "VAIN_OAUTH_PROVIDER": "azure", "VAIN_OAUTH_KEY": "us", "VAIN_OAUTH_EXTRA_PARAMS": "tenant=t, prompt=login",
        "VAIN_OAUTH_ROLE": "ada@example.org=admin, group:all staff=read",
        "VAIN_ALLOW_ORIGIN": "https://A.example:443", "VAIN_REQUEST_RATE": "2.5", "VAIN_MAX_CONNECTIONS": "30",
        "VAIN_MAX_CONNECTIONS_EACH": "20", "VAIN_MAX_SOCKETS_EACH": "10",
        "VAIN_RULES": str(rules), "VAIN_WEBHOOK": "https://ops.example.org/hooks",
        "VAIN_STORE": "postgresql://vain@db/vain",
    }  # fmt: skip
    assert set(texts) == {row.variable for row in (*settings.SERVER_SETTINGS, *settings.CLIENT_SETTINGS)}
    known = settings.load({}, texts)
    assert (known.host, known.port, known.data_dir, known.interval_seconds) == ("::1", 80, tmp_path, 0.5)
    assert (known.no_browser, known.allow_hosts, known.pages_dir) == (True, ("a.example", "b.example"), tmp_path)
    assert (known.allow_origins, known.requests_per_second) == (("https://a.example",), 2.5)
    assert (known.most_connections, known.most_connections_each, known.most_sockets_each) == (30, 20, 10)
    assert (known.prefix, known.trusted_proxies) == ("/vain", ("127.0.0.1/32", "10.0.0.0/8"))
    assert (known.oauth_provider, known.oauth_key, known.oauth_extra) == ("azure", "us", ("tenant=t", "prompt=login"))
    assert known.oauth_roles == ("ada@example.org=admin", "group:all staff=read")
    assert (known.rules_file, known.webhook) == (rules, "https://ops.example.org/hooks")
    assert known.store_url == "postgresql://vain@db/vain"
    assert (known.log_level, known.url, known.timeout_seconds) == ("debug", "https://vain.example", 3.0)
    assert (known.keep_raw_seconds, known.keep_minutes_seconds) == (36 * 3_600, 2 * 365 * 86_400)
    assert (known.keep_hours_seconds, known.history_bytes) == (None, 512 << 20)


@pytest.mark.parametrize(
    ("variable", "value", "right"),
    [
        ("VAIN_PORT", "tcp://10.0.0.1:5006", "0 (any free port) to 65535"),
        ("VAIN_PORT", "70000", "0 (any free port) to 65535"),
        ("VAIN_INTERVAL", "nan", "0.1 to 3600"),
        ("VAIN_HOST", "http://x", "127.0.0.1"),
        ("VAIN_PAGES", "/no/such/folder", "a folder that exists"),
        ("VAIN_RULES", "/no/such/rules.toml", "a file that exists"),
        ("VAIN_STORE", "mysql://db/vain", "postgresql://vain@db.example.org/vain"),
        ("VAIN_STORE", "postgresql://db.example.org", "postgresql://vain@db.example.org/vain"),
        ("VAIN_LOG_LEVEL", "loud", "debug, info, warning, error"),
        ("VAIN_NO_BROWSER", "perhaps", "1 or 0"),
        ("VAIN_ALLOW_HOST", "*.example", "without patterns"),
        ("VAIN_PREFIX", "vain", "a path such as /vain"),
        ("VAIN_PREFIX", "/a/../b", "a path such as /vain"),
        ("VAIN_PREFIX", "/a b", "a path such as /vain"),
        ("VAIN_OAUTH_PROVIDER", "myspace", "one of google, github"),
        ("VAIN_OAUTH_EXTRA_PARAMS", "tenant", "tenant=contoso.example"),
        ("VAIN_OAUTH_ROLE", "*@example.org=admin", "@example.org=read"),
        ("VAIN_TRUST_PROXY", "proxy.example", "addresses or networks such as 127.0.0.1 or 10.0.0.0/8"),
        ("VAIN_KEEP_RAW", "14", "36h, 14d, 8w or 2y, or 'forever'"),
        ("VAIN_KEEP_HOURS", "0d", "36h, 14d, 8w or 2y, or 'forever'"),
        ("VAIN_HISTORY_SIZE", "100k", "a size from 8MiB on"),
        ("VAIN_URL", "ftp://x", "http://127.0.0.1:5006"),
    ],
)
def test_a_wrong_value_is_named_with_what_would_be_right(variable: str, value: str, right: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        settings.load({}, {variable: value})
    assert variable in caught.value.detail and value in caught.value.detail and right in caught.value.detail


@pytest.mark.parametrize(
    ("variable", "value", "right"),
    [
        ("VAIN_URL", "http://user:sesame@x", "VAIN_API_KEY"),
        ("VAIN_STORE", "postgres://user:sesame@x:0/vain", "~/.pgpass"),
        ("VAIN_STORE", "postgresql://user:12/sesame@x/vain", "~/.pgpass"),
        ("VAIN_STORE", "postgresql://x/vain?password=sesame", "~/.pgpass"),
    ],
)
def test_a_password_in_a_wrong_address_is_not_repeated(variable: str, value: str, right: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        settings.load({}, {variable: value})
    assert "sesame" not in caught.value.detail and variable in caught.value.detail and right in caught.value.detail


def test_a_wrong_option_is_named_as_it_was_typed() -> None:
    with pytest.raises(Misconfigured, match="--port is 'x'"):
        settings.load({"port": "x"}, {"VAIN_PORT": "80"})


def test_a_key_is_no_option_and_never_shown() -> None:
    known = settings.load({"api-key": "typed"}, {"VAIN_API_KEY": KEY})
    assert known.api_key == KEY and KEY not in repr(known)
    with pytest.raises(Misconfigured) as caught:
        settings.load({}, {"VAIN_API_KEY": "secret with spaces"})
    assert "VAIN_API_KEY" in caught.value.detail and "secret" not in caught.value.detail


def test_a_key_file_is_read_if_only_its_owner_can(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(KEY + "\n")
    file.chmod(0o600)
    assert settings.load({}, {"VAIN_API_KEY_FILE": str(file)}).api_key == KEY
    file.chmod(0o640)
    with pytest.raises(Misconfigured, match="chmod 600"):
        settings.load({}, {"VAIN_API_KEY_FILE": str(file)})


@pytest.mark.parametrize("content", [b"", b"two\nlines\n", b"\xff\xfe", b"x" * 5000])
def test_a_key_file_without_a_key_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "key"
    file.touch(0o600)
    file.write_bytes(content)
    with pytest.raises(Misconfigured, match="VAIN_API_KEY_FILE"):
        settings.load({}, {"VAIN_API_KEY_FILE": str(file)})


def test_a_key_and_a_key_file_together_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="both set"):
        settings.load({}, {"VAIN_API_KEY": KEY, "VAIN_API_KEY_FILE": str(tmp_path / "key")})


@pytest.mark.parametrize(
    ("host", "port", "url"),
    [
        ("0.0.0.0", "80", "http://localhost:80"),
        ("::1", "80", "http://[::1]:80"),
        ("box.example", "0", "http://box.example:5006"),
    ],
)
def test_the_client_finds_the_server_of_the_same_settings(host: str, port: str, url: str) -> None:
    assert settings.load({}, {"VAIN_HOST": host, "VAIN_PORT": port}).url == url


def test_data_lies_where_the_system_keeps_such_things(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    assert settings.user_folder("data") == Path(platformdirs.user_data_dir("vain", appauthor=False))
    if sys.platform == "linux":
        monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
        assert settings.user_folder("data") == Path(platformdirs.user_data_dir("vain", appauthor=False))
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
        assert settings.user_folder("state") == tmp_path / "vain"


@pytest.mark.parametrize(
    ("platform", "folder"), [("darwin", "Library/Application Support"), ("win32", "AppData/Local")]
)
def test_other_systems_have_their_own_places(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, platform: str, folder: str
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("LOCALAPPDATA", raising=False)
    assert settings.user_folder("data") == tmp_path / folder / "vain"


def test_reporting_has_the_settings_of_the_client(tmp_path: Path) -> None:
    run_id = "0123456789abcdef" * 2
    known = settings.load_reporting({
        "VAIN_URL": "http://x:1/", "VAIN_API_KEY": KEY, "VAIN_SPOOL": str(tmp_path), "VAIN_TIMEOUT": "3",
        "VAIN_RUN_ID": run_id, "VAIN_TASK_ID": "7",
    })  # fmt: skip
    assert (known.url, known.api_key, known.spool_dir, known.timeout_seconds) == ("http://x:1", KEY, tmp_path, 3.0)
    assert (known.enabled, known.run_id, known.task_id, known.warning) == (True, run_id, 7, None)
    assert KEY not in repr(known)


@pytest.mark.parametrize(("value", "enabled"), [("0", False), ("1", True), ("", True), ("no", False)])
def test_reporting_can_be_turned_off(value: str, enabled: bool) -> None:
    assert settings.load_reporting({"VAIN_REPORT": value}).enabled is enabled


def test_a_wrong_setting_turns_reporting_off_and_is_named() -> None:
    known = settings.load_reporting({"VAIN_URL": "ftp://x"})
    assert not known.enabled and known.warning is not None and "VAIN_URL is 'ftp://x'" in known.warning


@pytest.mark.parametrize(("run_id", "task_id"), [("", ""), ("x" * 32, "-1"), ("ab", "0x7"), ("A" * 32, "9" * 20)])
def test_a_run_that_cannot_be_one_is_read_over(run_id: str, task_id: str) -> None:
    known = settings.load_reporting({"VAIN_RUN_ID": run_id, "VAIN_TASK_ID": task_id})
    assert (known.enabled, known.run_id, known.task_id) == (True, None, None)


def test_a_run_is_put_into_the_environment_and_taken_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAIN_TASK_ID", "3")
    monkeypatch.delenv("VAIN_RUN_ID", raising=False)
    before = settings.enter_run("a" * 32, None)
    assert (os.environ["VAIN_RUN_ID"], os.environ["VAIN_TASK_ID"]) == ("a" * 32, "")
    settings.restore_run(before)
    assert "VAIN_RUN_ID" not in os.environ and os.environ["VAIN_TASK_ID"] == "3"
    assert settings.child_environment("a" * 32, 7) == {"VAIN_RUN_ID": "a" * 32, "VAIN_TASK_ID": "7"}
