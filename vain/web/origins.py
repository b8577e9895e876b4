"""Which host names are ours, and which pages: the wall against other web pages in the user's own browser.

A page elsewhere can make a browser send requests to this server, and can point its own host name at this address (DNS
rebinding). So the ``Host`` of a request must be a name we know, and its ``Origin``, where there is one, a page of ours.
Both are compared with a list made at the start; nothing on it comes from a request.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import ip_address

from vain.errors import Forbidden, Misconfigured, WrongHost

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")
EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104  (refused as names, not listened on)
DEFAULT_PORTS = (80, 443)
_HOST = re.compile(
    r"(?P<name>\[[0-9a-f:.]+\]|[a-z0-9_](?:[a-z0-9._-]*[a-z0-9_])?)(?P<dot>\.?)(?::(?P<port>[1-9]\d{0,4}))?", re.ASCII
)
_MOST_SPELLINGS = 64


class Origins:
    """The names that this server answers for.

    ``port`` is the port that is listened on, ``scheme`` how. ``hosts`` are further names and addresses
    (``--allow-host``, and the address listened on), with a port or without. An address without one stands for our port.
    Anything else may belong to a reverse proxy, so it is accepted over http and https; a name without a port, on the
    default ones as well as on ours. ``0.0.0.0`` and ``::`` are places to listen, not names, and add nothing.
    ``others`` are origins (``--allow-origin``) whose pages may use the interface, though they are not of this server.
    Raises Misconfigured for what is no host.
    """

    def __init__(self, hosts: Iterable[str], port: int, scheme: str = "http", others: Iterable[str] = ()) -> None:
        self.others = frozenset(others)
        self._hosts: set[tuple[str, int]] = set()
        self._pages: set[str] = set()
        self._spellings: set[str] = set()
        for host in (*LOOPBACK_NAMES, *hosts):
            if host not in EVERYWHERE:
                self._add(host, port, scheme)

    def check_host(self, hosts: list[str]) -> None:
        """The values of the ``Host`` header. Raises WrongHost, which does not repeat them."""
        if len(hosts) == 1 and (hosts[0] in self._spellings or self._is_ours(hosts[0])):
            return
        raise WrongHost(
            "This server does not answer for the host name of this request. "
            "If the name is yours, start the server with --allow-host NAME."
        )

    def check_target(self, path: str) -> None:
        """A request target that is not a path (``GET http://name/ HTTP/1.1``) must name us too. Raises WrongHost."""
        if path != "*":
            self.check_host([path.partition("://")[2].partition("/")[0]])

    def check_page(self, origins: list[str]) -> None:
        """The values of the ``Origin`` header, of which there may be none. Raises Forbidden."""
        if origins and (len(origins) > 1 or origins[0] not in self._pages) and self.other_page(origins) is None:
            raise Forbidden(
                "The page that sent this request is not one of this server. If the page is yours, start the server "
                "with --allow-host and its host and port, or, if another server has it, with --allow-origin."
            )

    def other_page(self, origins: list[str]) -> str | None:
        """The origin of the page, if it is one of the ``others``."""
        if len(origins) == 1 and origins[0] in self.others and origins[0] not in self._pages:
            return origins[0]
        return None

    def _add(self, host: str, port: int, scheme: str) -> None:
        name, given_port = _parsed(host)
        ports, schemes = [port if given_port is None else given_port], ["http", "https"]
        if given_port is None and (name == "localhost" or _is_address(name)):
            schemes = [scheme]
        elif given_port is None:
            ports += DEFAULT_PORTS
        self._hosts |= {(name, one) for one in ports}
        self._pages |= {_origin(one, name, number) for one in schemes for number in ports}

    def _is_ours(self, value: str) -> bool:
        match = _HOST.fullmatch(value.lower()) if value.isascii() else None
        # A name may end in one dot, an IPv6 address in brackets may not.
        if match is None or (match["dot"] and match["name"][0] == "["):
            return False
        ports = DEFAULT_PORTS if match["port"] is None else (int(match["port"]),)
        if not any((match["name"], port) in self._hosts for port in ports):
            return False
        if len(self._spellings) < _MOST_SPELLINGS:
            self._spellings.add(value)
        return True


def _parsed(host: str) -> tuple[str, int | None]:
    """A name or address as it stands in a ``Host``, and its port."""
    bare_ipv6 = host[:1] != "[" and ":" in host and _is_address(host)
    match = _HOST.fullmatch(f"[{host}]" if bare_ipv6 else host.lower())
    if match is None:
        right = "vain.example.org or vain.example.org:8443 would be right"
        raise Misconfigured(f"{host!r} is not a host: {right}.")
    return match["name"], None if match["port"] is None else int(match["port"])


def _is_address(name: str) -> bool:
    try:
        ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def _origin(scheme: str, name: str, port: int) -> str:
    """As a browser writes it: without the port that the scheme has anyway."""
    return f"{scheme}://{name}" if (scheme, port) in (("http", 80), ("https", 443)) else f"{scheme}://{name}:{port}"
