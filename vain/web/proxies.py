"""Who asked, and under which address, when a reverse proxy stands in front.

Anybody can send ``X-Forwarded-*``, so it is believed of the proxies that ``--trust-proxy`` names, and only what the
last of them added: a client's own words stand further left. It never opens anything: hosts and origins have to be on
the gate's list all the same, and no role follows from an address.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import NamedTuple, Protocol

from vain import forms

OWN_ADDRESS = "127.0.0.1"


class Headers(Protocol):
    """What is read of a request."""

    def get_list(self, name: str, /) -> list[str]:
        """Every value that was sent under this name."""


class Outer(NamedTuple):
    """A request as whoever sent it sees it."""

    peer: str
    secure: bool
    """Whether they speak https."""
    host: str | None
    """The host that they asked, where a trusted proxy says so."""
    prefix: str
    """What stands before our paths in their addresses: ``/vain``, or nothing."""
    path: str
    """Without the prefix; empty for the prefix alone."""


class Proxies:
    """``trusted`` are networks (``10.0.0.0/8``) or addresses; ``prefix`` holds where no trusted proxy names another."""

    def __init__(self, trusted: Iterable[str] = (), prefix: str = "") -> None:
        self._networks = tuple(ip_network(each, strict=False) for each in trusted)
        self._prefix = prefix
        self._trusts = lru_cache(1_024)(self._is_in_networks)
        self.are_trusted = bool(self._networks)
        """Whether there is any that is believed."""

    def outer(self, peer: str, secure: bool, path: str, headers: Headers) -> Outer:
        """The request for ``path`` that came from ``peer``, as its sender sees it.

        A proxy that is trusted may have taken the prefix off; who else comes without it asked this server directly.
        """
        if not self.are_trusted or not self._trusts(peer):
            inner = _without(path, self._prefix)
            return Outer(peer, secure, None, "" if inner is None else self._prefix, path if inner is None else inner)
        prefix = self._prefix_of(_last(headers.get_list("X-Forwarded-Prefix")))
        inner = _without(path, prefix)
        scheme = _last(headers.get_list("X-Forwarded-Proto"))
        return Outer(
            self._client(peer, _parts(headers.get_list("X-Forwarded-For"))),
            scheme == "https" if scheme in ("http", "https") else secure,
            _last(headers.get_list("X-Forwarded-Host")),
            prefix,
            path if inner is None else inner,
        )

    def counted_as(self, peer: str) -> str:
        """Whose connection it is: those of a proxy belong to many, so they count as this machine's own."""
        return OWN_ADDRESS if self.are_trusted and self._trusts(peer) else peer

    def _client(self, peer: str, hops: Sequence[str]) -> str:
        """The last that is no proxy of ours. What is no address ends the way: nobody knows what stands before it."""
        for hop in reversed(hops):
            address = _address(hop)
            if address is None:
                break
            peer = str(address)
            if not self._trusts(peer):
                break
        return peer

    def _prefix_of(self, told: str | None) -> str:
        try:
            return self._prefix if told is None else forms.prefix(told)
        except ValueError:
            return self._prefix

    def _is_in_networks(self, peer: str) -> bool:
        address = _address(peer)
        return address is not None and any(_contains(network, address) for network in self._networks)


def _without(path: str, prefix: str) -> str | None:
    """What follows the prefix; None where it does not stand in front."""
    if not prefix or not path.startswith(prefix) or path[len(prefix) : len(prefix) + 1] not in ("", "/"):
        return None
    return path[len(prefix) :]


def _parts(values: Iterable[str]) -> list[str]:
    return [part for value in values for part in map(str.strip, value.split(",")) if part]


def _last(values: Iterable[str]) -> str | None:
    parts = _parts(values)
    return parts[-1] if parts else None


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """An address as proxies write it: with a port or without, of IPv6 with brackets or without."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _contains(network: IPv4Network | IPv6Network, address: IPv4Address | IPv6Address) -> bool:
    return address.version == network.version and address in network
