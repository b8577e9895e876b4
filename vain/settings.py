"""Every setting, once: its default, its unit, its help, and what it is called.

An option ``--allow-host`` is also the variable ``VAIN_ALLOW_HOST``; the option wins. This is the only place that reads
and writes the environment. ``load`` reads it once, so that a wrong value stops the program before anything is opened;
``load_reporting`` is what a job calls, and stops nothing. The standard library is enough for all of it.
"""

from __future__ import annotations

import os
import re
import socket
import stat
import sys
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import TypeVar

from vain import forms
from vain.errors import Misconfigured
from vain.setting_types import Reporting, Setting, Settings

T = TypeVar("T")

SHORTEST_INTERVAL_SECONDS, LONGEST_INTERVAL_SECONDS = 0.1, 3600.0
RUN_VARIABLE, TASK_VARIABLE = "VAIN_RUN_ID", "VAIN_TASK_ID"
"""The run that a process belongs to, and the number of its task once the server has given one (else empty)."""


def user_folder(kind: str) -> Path:
    """The user's folder of vAIn's "data" or "state", where the system keeps such things."""
    if sys.platform == "darwin":
        return _home() / "Library" / "Application Support" / "vain"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or _home() / "AppData" / "Local") / "vain"
    named = os.environ.get(f"XDG_{kind.upper()}_HOME", "").strip()
    return Path(named) / "vain" if named else _home() / ".local" / {"data": "share"}.get(kind, kind) / "vain"


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:  # no HOME and no entry in the table of users, as in some containers
        return Path(os.sep)


HOST = Setting("host", "address", "address to listen on", forms.host, "127.0.0.1")
PORT = Setting("port", "port", "port to listen on; 0 takes any free one", forms.port, forms.DEFAULT_PORT)
DATA = Setting(
    "data", "folder", "folder of the database and the keys", forms.folder,
    user_folder("data"), "the user's data folder",
)  # fmt: skip
STORE: Setting[str | None] = Setting(
    "store", "address", "the PostgreSQL database of tasks, events and metrics, as postgresql://vain@db.example.org/vain",
    forms.database, None, "a file in the data folder",
)  # fmt: skip
INTERVAL = Setting(
    "interval", "seconds", "time between two looks at the machine",
    forms.seconds(SHORTEST_INTERVAL_SECONDS, LONGEST_INTERVAL_SECONDS), 1.0,
)  # fmt: skip
NO_BROWSER = Setting("no-browser", "", "do not open a browser window", forms.flag, False, flag=True)
ALLOW_HOST: Setting[tuple[str, ...]] = Setting(
    "allow-host", "host", "another host name that this server answers for (may be repeated)", forms.hosts, (), "none",
    repeatable=True,
)  # fmt: skip
ALLOW_ORIGIN: Setting[tuple[str, ...]] = Setting(
    "allow-origin", "origin", "another site whose pages may use this server with a key, as https://grafana.example"
    " (may be repeated)", forms.origins, (), "none", repeatable=True,
)  # fmt: skip
PREFIX = Setting(
    "prefix", "path", "what a proxy puts before this server's paths, such as /vain", forms.prefix, "", "none"
)
TRUST_PROXY: Setting[tuple[str, ...]] = Setting(
    "trust-proxy", "network", "address or network of a proxy whose X-Forwarded-* count (may be repeated)",
    forms.networks, (), "none", repeatable=True,
)  # fmt: skip
OAUTH_PROVIDER: Setting[str | None] = Setting(
    "oauth-provider", "name", "who says who somebody is: " + ", ".join(forms.PROVIDERS), forms.provider, None, "none"
)
OAUTH_KEY: Setting[str | None] = Setting(
    "oauth-key", "id", "what the provider calls this server (client id)", forms.text, None, "none"
)
OAUTH_SECRET: Setting[str | None] = Setting(
    "oauth-secret", "secret", "the client secret that the provider gave", forms.text, None, "none", secret=True
)
OAUTH_EXTRA_PARAMS: Setting[tuple[str, ...]] = Setting(
    "oauth-extra-params", "name=value", "what a provider needs: tenant, subdomain, url, server, issuer; else sent along"
    " (may be repeated)", forms.pairs, (), "none", repeatable=True,
)  # fmt: skip
OAUTH_ROLE: Setting[tuple[str, ...]] = Setting(
    "oauth-role", "who=role", "who gets in, and as what: ada@example.org=admin, @example.org=read, group:NAME=write"
    " (may be repeated)", forms.admissions, (), "nobody", repeatable=True,
)  # fmt: skip
REQUEST_RATE = Setting(
    "request-rate", "number", "requests per second that one client may send, four times as many at once; 0: any",
    forms.number(0, 1_000_000), 500.0, "500",
)  # fmt: skip
MAX_CONNECTIONS = Setting(
    "max-connections", "number", "connections that may be open at once", forms.whole(1, 1_000_000), 4_000
)
MAX_CONNECTIONS_EACH = Setting(
    "max-connections-each", "number", "of those, how many one address may have (this machine: all)",
    forms.whole(1, 1_000_000), 500,
)  # fmt: skip
MAX_SOCKETS_EACH = Setting(
    "max-sockets-each", "number", "WebSockets and streams that one address may have open (this machine: any)",
    forms.whole(1, 1_000_000), 200,
)  # fmt: skip
PAGES: Setting[Path | None] = Setting(
    "pages", "folder", "folder of your own Panel pages", forms.existing_folder, None, "none"
)  # fmt: skip
RULES: Setting[Path | None] = Setting(
    "rules", "file", "file of rules, channels and silences (TOML)", forms.existing_file, None, "none"
)  # fmt: skip
WEBHOOK: Setting[str | None] = Setting(
    "webhook", "address", "where notifications from level warning on are sent to (https, or this machine)",
    forms.text, None, "none",
)  # fmt: skip
WEBHOOK_SECRET: Setting[str | None] = Setting(
    "webhook-secret", "secret", "what webhooks are signed with: whsec_ and base64", forms.text, None, "none",
    secret=True,
)  # fmt: skip
KEEP_RAW: Setting[float | None] = Setting(
    "keep-raw",
    "time",
    "how long every sample is kept (36h, 14d, 8w, 2y, forever)",
    forms.duration,
    14 * 86_400.0,
    "14d",
)
KEEP_MINUTES: Setting[float | None] = Setting(
    "keep-minutes",
    "time",
    "how long the mean, min and max of each minute are kept",
    forms.duration,
    396 * 86_400.0,
    "396d",
)
KEEP_HOURS: Setting[float | None] = Setting(
    "keep-hours", "time", "how long the mean, min and max of each hour are kept", forms.duration, None, forms.FOREVER
)
HISTORY_SIZE = Setting(
    "history-size", "size", "how large the history may grow; the oldest makes room", forms.size, 2 << 30, "2GiB"
)
LOG_LEVEL = Setting("log-level", "level", "one of " + ", ".join(forms.LOG_LEVELS), forms.log_level, "info")
URL: Setting[str | None] = Setting(
    "url", "address", "the vAIn server to talk to", forms.url, None, f"http://127.0.0.1:{forms.DEFAULT_PORT}"
)
TIMEOUT = Setting("timeout", "seconds", "how long to wait for an answer", forms.seconds(0.1, 3600.0), 10.0)
API_KEY: Setting[str | None] = Setting("api-key", "key", "the API key to send", forms.key, None, "none", secret=True)
API_KEY_FILE: Setting[Path | None] = Setting(
    "api-key-file", "file", "a file (mode 0600) that holds the API key", forms.folder, None, "none", secret=True
)
SPOOL = Setting(
    "spool", "folder", "where reports wait for a server that is away", forms.folder,
    user_folder("state") / "spool", "the user's state folder",
)  # fmt: skip
SERVER: Setting[str | None] = Setting(
    "server", "address", "the vAIn server that an agent reports to", forms.url, None, "the one of VAIN_URL"
)  # fmt: skip
SPOOL_SIZE = Setting(
    "spool-size", "size", "how much an agent keeps while its server is away; the oldest makes room", forms.size,
    256 << 20, "256MiB",
)  # fmt: skip
REPORT = Setting("report", "", "0: tasks run as ever and nothing is reported", forms.flag, True)

HISTORY_SETTINGS = (KEEP_RAW, KEEP_MINUTES, KEEP_HOURS, HISTORY_SIZE)
OAUTH = (OAUTH_PROVIDER, OAUTH_KEY, OAUTH_EXTRA_PARAMS, OAUTH_ROLE)
LIMITS = (REQUEST_RATE, MAX_CONNECTIONS, MAX_CONNECTIONS_EACH, MAX_SOCKETS_EACH)
SERVER_SETTINGS = (
    HOST, PORT, DATA, STORE, INTERVAL, NO_BROWSER, ALLOW_HOST, ALLOW_ORIGIN, PREFIX, TRUST_PROXY, *OAUTH, PAGES,
    RULES, WEBHOOK,
    *HISTORY_SETTINGS, *LIMITS, SPOOL, LOG_LEVEL,
)  # fmt: skip
CLIENT_SETTINGS = (URL, TIMEOUT)
AGENT_SETTINGS = (SERVER, TIMEOUT, DATA, INTERVAL, SPOOL, SPOOL_SIZE, LOG_LEVEL)


def load(options: Mapping[str, object] | None = None, environment: Mapping[str, str] | None = None) -> Settings:
    """Read every setting: from ``options`` (by name, None: not given), else from its variable, else its default.

    Raises Misconfigured, naming the option or the variable and what would be right.
    """
    reader = _Reader(options or {}, os.environ if environment is None else environment)
    host, port = reader.read(HOST), reader.read(PORT)
    return Settings(
        host=host,
        port=port,
        data_dir=reader.read(DATA),
        store_url=reader.read(STORE),
        interval_seconds=reader.read(INTERVAL),
        no_browser=reader.read(NO_BROWSER),
        allow_hosts=reader.read(ALLOW_HOST),
        allow_origins=reader.read(ALLOW_ORIGIN),
        prefix=reader.read(PREFIX),
        trusted_proxies=reader.read(TRUST_PROXY),
        oauth_provider=reader.read(OAUTH_PROVIDER),
        oauth_key=reader.read(OAUTH_KEY),
        oauth_secret=reader.read(OAUTH_SECRET),
        oauth_extra=reader.read(OAUTH_EXTRA_PARAMS),
        oauth_roles=reader.read(OAUTH_ROLE),
        pages_dir=reader.read(PAGES),
        rules_file=reader.read(RULES),
        webhook=reader.read(WEBHOOK),
        webhook_secret=reader.read(WEBHOOK_SECRET),
        keep_raw_seconds=reader.read(KEEP_RAW),
        keep_minutes_seconds=reader.read(KEEP_MINUTES),
        keep_hours_seconds=reader.read(KEEP_HOURS),
        history_bytes=reader.read(HISTORY_SIZE),
        requests_per_second=reader.read(REQUEST_RATE),
        most_connections=reader.read(MAX_CONNECTIONS),
        most_connections_each=reader.read(MAX_CONNECTIONS_EACH),
        most_sockets_each=reader.read(MAX_SOCKETS_EACH),
        log_level=reader.read(LOG_LEVEL),
        url=reader.read(URL) or _url_of(host, port),
        timeout_seconds=reader.read(TIMEOUT),
        api_key=_only_key(reader.read(API_KEY), reader.read(API_KEY_FILE)),
        no_color=bool(reader.environment.get("NO_COLOR")),
        spool_dir=reader.read(SPOOL),
        spool_bytes=reader.read(SPOOL_SIZE),
        server=reader.read(SERVER),
    )


def host_name() -> str:
    """What this machine is called: ``VAIN_HOSTNAME``, else what the system says, which in a container says nothing."""
    return (os.environ.get("VAIN_HOSTNAME", "").strip() or socket.gethostname())[:255]


def load_reporting(environment: Mapping[str, str] | None = None) -> Reporting:
    """What a job reports with. Never raises: a wrong setting turns reporting off, and ``warning`` says which."""
    reader = _Reader({}, os.environ if environment is None else environment)
    run_id, task_id = _enclosing(reader.environment)
    try:
        return Reporting(
            url=reader.read(URL) or _url_of(reader.read(HOST), reader.read(PORT)),
            api_key=_only_key(reader.read(API_KEY), reader.read(API_KEY_FILE)),
            timeout_seconds=reader.read(TIMEOUT),
            spool_dir=reader.read(SPOOL),
            enabled=reader.read(REPORT),
            run_id=run_id,
            task_id=task_id,
        )
    except Misconfigured as exc:
        return Reporting(
            url="", api_key=None, timeout_seconds=TIMEOUT.default, spool_dir=SPOOL.default,
            enabled=False, run_id=run_id, task_id=task_id, warning=exc.detail,
        )  # fmt: skip


def _enclosing(environment: Mapping[str, str]) -> tuple[str | None, int | None]:
    """The run and the task that this process belongs to; what cannot be one is as good as not there."""
    run_id, task_id = environment.get(RUN_VARIABLE, ""), environment.get(TASK_VARIABLE, "")
    return (
        run_id if re.fullmatch("[0-9a-f]{32}", run_id) else None,
        int(task_id) if re.fullmatch("[1-9][0-9]{0,15}", task_id) else None,
    )


def child_environment(run_id: str, task_id: int | None) -> dict[str, str]:
    """The variables that make what a child process reports a part of this run.

    An unknown number is written as empty, so that none from further up shines through.
    """
    return {RUN_VARIABLE: run_id, TASK_VARIABLE: "" if task_id is None else str(task_id)}


def outside_environment() -> dict[str, str]:
    """The environment for a program that is none of vAIn's: without vAIn's own variables, some of which are secrets."""
    return {name: value for name, value in os.environ.items() if not name.startswith("VAIN_")}


def enter_run(run_id: str, task_id: int | None) -> dict[str, str | None]:
    """Put a run into this process's own environment, for the children to come. What stood there before is returned."""
    before = {name: os.environ.get(name) for name in (RUN_VARIABLE, TASK_VARIABLE)}
    os.environ.update(child_environment(run_id, task_id))
    return before


def restore_run(before: Mapping[str, str | None]) -> None:
    """Undo ``enter_run``."""
    for name, value in before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


class _Reader:
    def __init__(self, options: Mapping[str, object], environment: Mapping[str, str]) -> None:
        self.options = options
        self.environment = environment

    def read(self, setting: Setting[T]) -> T:
        option = None if setting.secret else self.options.get(setting.name)
        if option is not None:
            return self._parsed(setting, setting.option, _written(option))
        written = self.environment.get(setting.variable)
        if written is None or (written == "" and not setting.flag):
            return setting.default
        return self._parsed(setting, setting.variable, written)

    def _parsed(self, setting: Setting[T], called: str, written: str) -> T:
        try:
            return setting.parse(written)
        except ValueError as exc:
            has_secret = setting.secret or re.search("@.*/|//.*@|password", str(written))  # in an address
            value = "not usable" if has_secret else repr(written)
            raise Misconfigured(f"{called} is {value}: {exc} would be right.") from None


def _written(option: object) -> str:
    if isinstance(option, bool):
        return "1" if option else "0"
    return ",".join(option) if isinstance(option, list | tuple) else str(option)


def _url_of(host: str, port: int) -> str:
    """Where a client on this machine finds the server that these settings start."""
    try:
        address = ip_address(host)
    except ValueError:
        return f"http://{host}:{port or forms.DEFAULT_PORT}"
    name = "localhost" if address.is_unspecified else f"[{host}]" if address.version == 6 else host
    return f"http://{name}:{port or forms.DEFAULT_PORT}"


def _only_key(key: str | None, file: Path | None) -> str | None:
    if key is not None and file is not None:
        raise Misconfigured("VAIN_API_KEY and VAIN_API_KEY_FILE are both set: one of them would be right.")
    return key if file is None else _key_in(file)


def _key_in(file: Path) -> str:
    """The key in a file that nobody but its owner can read."""
    try:
        with file.open("rb") as stream:
            mode = os.fstat(stream.fileno()).st_mode
            body = stream.read(forms.LARGEST_KEY_BYTES + 3)
    except OSError as exc:
        reason = exc.strerror or exc
        raise Misconfigured(f"VAIN_API_KEY_FILE is {str(file)!r}, which cannot be read ({reason}).") from exc
    if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise Misconfigured(f"VAIN_API_KEY_FILE is {str(file)!r}, which others can read: chmod 600 would be right.")
    try:
        return forms.key(body.decode("ascii"))
    except ValueError:
        right = "one line as `vain keys create` prints it would be right"
        raise Misconfigured(f"VAIN_API_KEY_FILE is {str(file)!r}, which holds no API key: {right}.") from None
