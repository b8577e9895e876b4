"""What is written for a setting, as the value that it stands for.

Each function raises ValueError with what would be right, so that the error can name the option or the variable.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

DEFAULT_PORT = 5006
LARGEST_KEY_BYTES = 256
LARGEST_TEXT = 1_000
DEFAULT_PORTS = {"http": "80", "https": "443"}
FOREVER = "forever"
UNIT_SECONDS = {"h": 3_600.0, "d": 86_400.0, "w": 604_800.0, "y": 31_536_000.0}
SMALLEST_HISTORY_BYTES = 8 << 20
LOG_LEVELS = ("debug", "info", "warning", "error")


def host(text: str) -> str:
    if not text or re.search(r"[\s/]", text):
        raise ValueError("a host name or an address, such as 127.0.0.1")
    return text


def port(text: str) -> int:
    if not re.fullmatch(r"\d{1,5}", text, re.ASCII) or int(text) > 65535:
        raise ValueError("a whole number from 0 (any free port) to 65535")
    return int(text)


def seconds(least: float, most: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        try:
            seconds = float(text)
        except ValueError:
            seconds = -1.0
        if not least <= seconds <= most:
            raise ValueError(f"a number of seconds from {least:g} to {most:g}")
        return seconds

    return parse


def duration(text: str) -> float | None:
    """Seconds; None for ever."""
    if text.strip().lower() == FOREVER:
        return None
    found = re.fullmatch(r"(\d{1,9})\s*([hdwy])", text.strip().lower(), re.ASCII)
    if found is None or int(found[1]) == 0:
        raise ValueError(f"a time such as 36h, 14d, 8w or 2y, or {FOREVER!r},")
    return int(found[1]) * UNIT_SECONDS[found[2]]


def size(text: str) -> int:
    found = re.fullmatch(r"(\d{1,9})\s*(?:([kmgt])i?b?)", text.strip().lower(), re.ASCII)
    size = 0 if found is None else int(found[1]) << 10 * (1 + "kmgt".index(found[2]))
    if size < SMALLEST_HISTORY_BYTES:
        raise ValueError("a size from 8MiB on, such as 512MiB or 2GiB,")
    return size


def folder(text: str) -> Path:
    if not text or "\0" in text:
        raise ValueError("a folder")
    return Path(text).expanduser().absolute()


def existing_file(text: str) -> Path:
    named = folder(text)
    if not named.is_file():
        raise ValueError("a file that exists")
    return named


def existing_folder(text: str) -> Path:
    named = folder(text)
    if not named.is_dir():
        raise ValueError("a folder that exists")
    return named


def hosts(text: str) -> tuple[str, ...]:
    named = tuple(part.strip() for part in text.split(",") if part.strip())
    if not all(re.fullmatch(r"[A-Za-z0-9._\[\]:-]+", each) for each in named):
        raise ValueError("host names such as vain.example.org, without http:// and without patterns")
    return named


def networks(text: str) -> tuple[str, ...]:
    """Networks of addresses, each in its usual form."""
    try:
        return tuple(str(ip_network(part.strip(), strict=False)) for part in text.split(",") if part.strip())
    except ValueError:
        raise ValueError("addresses or networks such as 127.0.0.1 or 10.0.0.0/8") from None


PROVIDERS = ("google", "github", "azure", "okta", "gitlab", "auth0", "generic")
"""Who may say who somebody is, by the names that Panel has for them."""
ROLES = ("read", "write", "admin")


def provider(text: str) -> str:
    if text not in PROVIDERS:
        raise ValueError("one of " + ", ".join(PROVIDERS))
    return text


def pairs(text: str) -> tuple[str, ...]:
    """Names with values, each as ``name=value``."""
    found = tuple(part.strip() for part in text.split(",") if part.strip())
    if not all(re.fullmatch(r"[A-Za-z_]\w*=[^\s]+", each, re.ASCII) for each in found):
        raise ValueError("names with values such as tenant=contoso.example")
    return found


def admissions(text: str) -> tuple[str, ...]:
    """Who gets which role, each as ``pattern=role``: one address, a domain with its @, a group, or a subject."""
    found = tuple(part.strip() for part in text.split(",") if part.strip())
    pattern = r"([^\s@=*]*@[^\s@=*]+\.[^\s@=*]+|group:[^=]+|sub:[^\s=]+)=(" + "|".join(ROLES) + ")"
    if not all(re.fullmatch(pattern, each) for each in found):
        raise ValueError(
            "ada@example.org=admin, @example.org=read, group:NAME=write or sub:ID=write, without patterns in them,"
        )
    return found


def text(text: str) -> str:
    """Any text on one line."""
    if not text.isprintable() or len(text) > LARGEST_TEXT:
        raise ValueError("one line of text")
    return text


def prefix(text: str) -> str:
    """A path without a slash at its end; of ``/`` nothing is left."""
    path = text.rstrip("/")
    if path and (not re.fullmatch(r"(/[A-Za-z0-9._~@-]+)+", path, re.ASCII) or re.search(r"/\.{1,2}(/|$)", path)):
        raise ValueError("a path such as /vain, of letters, digits and . _ ~ @ -,")
    return path


def origins(text: str) -> tuple[str, ...]:
    """Origins as a browser writes them: in lower case, without the port that the scheme has anyway."""
    return tuple(_origin(part.strip()) for part in text.split(",") if part.strip())


def _origin(text: str) -> str:
    right = "origins such as https://grafana.example.org or http://localhost:3000, each in full and without a path,"
    found = re.fullmatch(r"(https?)://([a-z0-9._-]+|\[[0-9a-f:.]+\])(?::([1-9]\d{0,4}))?/?", text.lower(), re.ASCII)
    if found is None or int(found[3] or 0) > 65_535:
        raise ValueError(right)
    scheme, name, port = found.groups()
    return f"{scheme}://{name}" if port in (None, DEFAULT_PORTS[scheme]) else f"{scheme}://{name}:{port}"


def number(least: float, most: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        if not re.fullmatch(r"\d{1,9}(\.\d{1,9})?", text, re.ASCII) or not least <= float(text) <= most:
            raise ValueError(f"a number from {least:g} to {most:,.0f}")
        return float(text)

    return parse


def whole(least: int, most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not re.fullmatch(r"\d{1,9}", text, re.ASCII) or not least <= int(text) <= most:
            raise ValueError(f"a whole number from {least} to {most:,}")
        return int(text)

    return parse


def flag(text: str) -> bool:
    if text.lower() not in ("1", "true", "yes", "on", "0", "false", "no", "off", ""):
        raise ValueError("1 or 0")
    return text.lower() in ("1", "true", "yes", "on")


def log_level(text: str) -> str:
    if text.lower() not in LOG_LEVELS:
        raise ValueError("one of " + ", ".join(LOG_LEVELS))
    return text.lower()


def url(text: str) -> str:
    """The address of a server without a slash at its end.

    Raises ValueError, with what would be right, for anything but a plain http or https address.
    """
    right = f"an address such as http://127.0.0.1:{DEFAULT_PORT}"
    try:
        parts = urlsplit(text)
        port_is_number = parts.port is None or parts.port > 0
    except ValueError:
        raise ValueError(right) from None
    if "@" in parts.netloc:
        raise ValueError(f"{right}, without a user or password: keys go in VAIN_API_KEY")
    plain = not (parts.query or parts.fragment) and not re.search(r"[\s\x00-\x1f\x7f]", text)
    if parts.scheme not in ("http", "https") or not parts.hostname or not port_is_number or not plain:
        raise ValueError(right)
    return text.rstrip("/")


def database(text: str) -> str:
    """The address of a database of PostgreSQL. Raises ValueError, which never repeats a password.

    It may name several hosts, a primary and its standbys, with commas between: ``a.example.org:5432,b.example.org``.
    """
    right = "an address such as postgresql://vain@db.example.org/vain (a password stands in ~/.pgpass)"
    try:
        parts = urlsplit(text)
        known = parts.scheme in ("postgresql", "postgres") and all(_is_port(port) for _, port in _hosts(parts))
    except ValueError:
        raise ValueError(right) from None
    # Behind the host no '@' and no password: else a password that is not escaped would be taken for the database.
    behind = f"{parts.path}?{parts.query}#{parts.fragment}"
    if not known or len(parts.path) < 2 or re.search(r"@|password|[\s\x00-\x1f\x7f]", behind) or "@" in parts.path:
        raise ValueError(right)
    return text


def place_of(url: str) -> str:
    """Where a database is, without who and how: ``postgresql://db.example.org/vain``."""
    parts = urlsplit(url)
    hosts = ",".join(f"{host.lower() or 'localhost'}{f':{port}' if port else ''}" for host, port in _hosts(parts))
    return f"{parts.scheme}://{hosts}{parts.path}"


def _hosts(parts: SplitResult) -> list[tuple[str, str]]:
    """Of an address of databases: each host and its port, which may be empty."""
    found = []
    for each in parts.netloc.rpartition("@")[2].split(","):
        host, _, port = each.rpartition(":") if re.search(r":[^\]]*$", each) else (each, "", "")
        found.append((host, port))
    return found


def _is_port(text: str) -> bool:
    return not text or (text.isascii() and text.isdigit() and 0 < int(text) < 65_536)


def key(text: str) -> str:
    """An API key as it may stand in a header. Raises ValueError, which never repeats the key."""
    key = text.strip()
    if not re.fullmatch(rf"[\x21-\x7e]{{1,{LARGEST_KEY_BYTES}}}", key):
        raise ValueError("one line as `vain keys create` prints it")
    return key
