"""The headers that every reply carries, by the kind of reply.

Bokeh needs ``unsafe-inline``, ``unsafe-eval`` and, for its modules, ``blob:``; without any of them nothing is drawn. So
the policy of the pages does not stop a script that got into one; it stops that script from talking to anybody else.
There is no Strict-Transport-Security: it would bind every other port of the host too, and belongs to what ends the TLS.
"""

from __future__ import annotations

from collections.abc import ItemsView, Mapping, MutableMapping
from typing import Literal

Kind = Literal["api", "page", "static"]

PAGE_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' blob: data:; worker-src 'self' blob:; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
API_POLICY = "default-src 'none'; frame-ancestors 'none'; sandbox"

_ALWAYS = {"X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": "same-origin"}
_FOR_PAGES = {"X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer", "Cross-Origin-Opener-Policy": "same-origin"}
"""What only counts where something is shown; every header that is sent costs microseconds."""
SECURITY_HEADERS: Mapping[Kind, Mapping[str, str]] = {
    "api": {**_ALWAYS, "Content-Security-Policy": API_POLICY, "Cache-Control": "no-store"},
    "page": {**_ALWAYS, **_FOR_PAGES, "Content-Security-Policy": PAGE_POLICY, "Cache-Control": "no-store"},
    # Public files: a cache may keep them, and the one who serves them says for how long.
    "static": {**_ALWAYS, "Content-Security-Policy": API_POLICY},
}
_FOR_API = SECURITY_HEADERS["api"]
REMOVED = (
    "Server",
    "Access-Control-Allow-Origin",
    "Access-Control-Allow-Methods",
    "Access-Control-Allow-Headers",
    "Access-Control-Allow-Credentials",
)
"""What Tornado and Bokeh add of themselves: their version, and leave for other sites to read."""


class Head(dict[str, str]):
    """The headers of an answer, with their names as they are written.

    It has what Tornado asks of headers that it writes; its own ``HTTPHeaders`` brings every name into form again.
    """

    def get_all(self) -> ItemsView[str, str]:
        """See ``HTTPHeaders``."""
        return self.items()

    def written(self, start_line: str) -> bytes:
        """All of it as it is sent. Raises ValueError if a value would end its line."""
        lines = [start_line, *[f"{name}: {value}" for name, value in self.items()], "", ""]
        text = "\r\n".join(lines)
        ends = len(lines) - 1
        if text.count("\n") != ends or text.count("\r") != ends:
            raise ValueError(f"A header has an end of a line within: {lines!r}")
        return text.encode("latin-1")


def api_head(own: Mapping[str, str]) -> Head:
    """The headers of an API reply together with its own, which win."""
    head = Head(_FOR_API)
    head.update(own)
    return head


def add_vary(head: Head, name: str) -> None:
    """Tell caches that the answer depends on this header of the request too."""
    head["Vary"] = f"{head['Vary']}, {name}" if "Vary" in head else name


def secure(headers: MutableMapping[str, str], kind: Kind) -> None:
    """Put the headers of this kind on the reply of another application, and take off those that must not be there.

    What the reply has already is kept: the ``Cache-Control`` of a file, above all.
    """
    for name in REMOVED:
        headers.pop(name, None)
    for name, value in SECURITY_HEADERS[kind].items():
        headers.setdefault(name, value)
