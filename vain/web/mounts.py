"""The paths that another Tornado application answers: the WebSocket, and the dashboard.

The dashboard is loaded when somebody first opens a page of it: Panel, Bokeh and pandas are a second of work and 80 MB,
which a server that is only spoken to by programs never needs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Protocol, cast

from msgspec import Struct
from tornado.httputil import HTTPHeaders, HTTPServerRequest
from tornado.ioloop import IOLoop
from tornado.web import Application, OutputTransform

from vain.errors import Forbidden, Malformed, MethodNotAllowed, Misconfigured, NotFound, UpgradeRequired, VainError
from vain.types import Role
from vain.web.headers import Kind, secure
from vain.web.problems import problem
from vain.web.request_ids import HEADER as REQUEST_ID
from vain.web.tally import Tally

SOCKET_PATH = "/ws/tasks"
STATIC_PREFIXES = ("/static/js/", "/static/extensions/panel/")
"""Bokeh's and Panel's own scripts and styles, the same for everybody."""
STATIC_ROUTE = "/static/{file}"
"""What they are counted as."""


class Dashboard(Protocol):
    """What this floor needs of ``vain.views.application``, which it cannot import."""

    def build(
        self, pages: Mapping[str, Path], secret: bytes, role_header: str, name_header: str, hosts: Iterable[str] = ()
    ) -> Application:
        """The application over the pages."""

    def start(self, application: Application, loop: IOLoop) -> None:
        """Run what the application does by itself."""

    def stop(self, application: Application) -> None:
        """End that."""


class Mount(Struct, frozen=True):
    """Where a foreign path leads. ``is_page``: a person opens it; ``is_socket``: it speaks WebSocket and only that;
    ``is_open``: a page of another origin that was allowed may use it."""

    application: Callable[[], Awaitable[Application]]
    needs: Role | None
    route: str
    """What it is counted as."""
    is_page: bool = False
    is_socket: bool = False
    is_open: bool = False
    admits_later: bool = False
    """Its clients may say on the connection itself who they are."""

    @property
    def allow(self) -> tuple[str, ...]:
        """The methods for an ``Allow`` header."""
        return ("GET", "OPTIONS") if self.is_socket else ("GET", "HEAD", "OPTIONS")

    def takes(self, method: str, websocket: bool) -> bool:
        """Whether the application answers; else the exchange does. Raises MethodNotAllowed or Malformed."""
        if method not in self.allow:
            raise MethodNotAllowed(f"{method[:20]} is not possible here.", self.allow)
        if method == "GET" and self.is_socket != websocket:
            raise Malformed("This address speaks WebSocket." if self.is_socket else "This is no WebSocket address.")
        return method == "GET" or (method == "HEAD" and not self.is_page)


class Mounts:
    """Finds the mount of a path, and keeps the dashboard once it is loaded."""

    def __init__(
        self,
        socket: Application,
        load: Callable[[], Dashboard] | None,
        pages: Mapping[str, Path],
        secret: bytes,
        viewer_headers: tuple[str, str],
        hosts: Iterable[str],
        tally: Tally,
    ) -> None:
        self._load, self._pages, self._secret = load, dict(pages), secret
        self._viewer_headers, self._hosts = viewer_headers, tuple(hosts)
        self._loading: asyncio.Task[tuple[Dashboard, Application]] | None = None
        self._tally = tally
        self._give_headers(socket)
        self._exact: dict[str, Mount] = {
            SOCKET_PATH: Mount(_ready(socket), "read", SOCKET_PATH, is_socket=True, is_open=True, admits_later=True)
        }
        for path in self._pages if load is not None else ():
            socket_path = f"{path.rstrip('/')}/ws"
            self._exact[path] = Mount(self._dashboard, "read", path, is_page=True)
            self._exact[socket_path] = Mount(self._dashboard, "read", socket_path, is_socket=True)
        self._static = Mount(self._dashboard, "read", STATIC_ROUTE)

    @property
    def paths(self) -> list[str]:
        """Every path that is mounted by itself."""
        return list(self._exact)

    def find(self, path: str) -> Mount | None:
        """The mount of a path, or None when no other application answers it."""
        mount = self._exact.get(path)
        if mount is None and path.startswith(STATIC_PREFIXES) and self._load is not None:
            return self._static
        return mount

    def stop(self) -> None:
        """End the dashboard, if it was loaded."""
        if self._loading is not None and self._loading.done() and not self._loading.exception():
            dashboard, application = self._loading.result()
            dashboard.stop(application)
        elif self._loading is not None:
            self._loading.cancel()

    async def _dashboard(self) -> Application:
        if self._loading is None:
            self._loading = asyncio.ensure_future(self._loaded())
        loading = self._loading
        try:
            _, application = await asyncio.shield(loading)
        except Exception:
            # The next who opens a page tries again.
            self._loading = None if self._loading is loading else self._loading
            raise
        return application

    async def _loaded(self) -> tuple[Dashboard, Application]:
        dashboard, application = await asyncio.to_thread(self._build)
        self._give_headers(application)
        dashboard.start(application, IOLoop.current())
        return dashboard, application

    def _give_headers(self, application: Application) -> None:
        """Our headers on what it answers, and a count of its answers."""
        # Tornado calls it with the request, and asks for a class only by the type that it declares.
        application.transforms.append(partial(PageHeaders, self._count))  # type: ignore[arg-type]

    def _count(self, path: str, method: str, status: int) -> None:
        mount = self.find(path)
        self._tally.count(None if mount is None else mount.route, method, status)

    def _build(self) -> tuple[Dashboard, Application]:
        if self._load is None:
            raise Misconfigured("This server has no dashboard.")
        dashboard = self._load()
        return dashboard, dashboard.build(self._pages, self._secret, *self._viewer_headers, self._hosts)


class PageHeaders(OutputTransform):
    """Puts our headers on what another application answers, and our form on its errors."""

    def __init__(self, count: Callable[[str, str, int], None], request: HTTPServerRequest) -> None:
        self._path, self._method, self._count = request.path, request.method or "", count
        self._request_id = request.headers[REQUEST_ID]
        self._kind: Kind = "static" if self._path.startswith("/static/") else "page"

    def transform_first_chunk(
        self, status_code: int, headers: HTTPHeaders, chunk: bytes, finishing: bool
    ) -> tuple[int, HTTPHeaders, bytes]:
        """See ``OutputTransform``."""
        if status_code >= 400 and finishing:
            response = problem(_error(status_code), self._path, self._request_id)
            status_code, chunk = response.status, cast(bytes, response.body)
            headers["Content-Type"], headers["Content-Length"] = response.content_type, str(len(chunk))
            headers.update(response.headers)
        self._count(self._path, self._method, status_code)
        headers[REQUEST_ID] = self._request_id
        secure(headers, self._kind)
        return status_code, headers, chunk


def _error(status: int) -> VainError:
    """What an error of another application is to us; its own words may show what it should not."""
    if status == 404:
        return NotFound("There is nothing here.")
    if status in (401, 403):
        return Forbidden("The dashboard refused this request.")
    if status == 426:
        return UpgradeRequired("This server speaks version 13 of WebSocket.")
    return Malformed("The request cannot be answered.") if status < 500 else VainError("The page failed.")


def _ready(application: Application) -> Callable[[], Awaitable[Application]]:
    async def get() -> Application:
        return application

    return get
