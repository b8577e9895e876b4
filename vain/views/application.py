"""The pages as one Tornado application, for the server to mount behind its own gate.

The page's session token carries one header, the viewer's role as the gate wrote it, and no cookie: what is in the token
is readable in the page. The token is signed, so a viewer cannot give itself another role.
"""

from __future__ import annotations

import zlib
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

import panel.io.server  # noqa: F401  (puts Panel's handlers in the place of Bokeh's)
from bokeh.server.auth_provider import AuthProvider
from bokeh.server.tornado import BokehTornado
from bokeh.settings import settings
from bokeh.util.token import check_token_signature, get_token_payload
from panel.io.application import build_applications
from tornado.ioloop import IOLoop
from tornado.web import HTTPError, RequestHandler
from tornado.websocket import WebSocketHandler

from vain.views import statics, viewer

LOGIN_PATH: Final = "/login"
TOKEN_SECONDS: Final = 7 * 86_400
"""So long may a page wait, hidden or asleep, before it opens its WebSocket."""
LARGEST_MESSAGE_BYTES: Final = 1 << 20
KEEP_ALIVE_MILLISECONDS: Final = 30_000
NEVER_MILLISECONDS: Final = 7 * 86_400_000


class SameRole(AuthProvider):
    """Lets a WebSocket in only with the role that its page was made for.

    A page's token lives for days and says what the viewer was allowed to do when the page was opened. Whoever connects
    with it later may be somebody else, or have another key by now: refused, and the page is asked for anew.
    """

    login_url = LOGIN_PATH

    def __init__(self, role_header: str, secret: bytes) -> None:
        self._role_header, self._secret = role_header, secret
        super().__init__()

    # Bokeh declares the argument as a request, and calls it with the handler.
    @property
    def get_user_async(self) -> Callable[[RequestHandler], Awaitable[str]]:  # type: ignore[override]
        """What Bokeh asks before it answers anything."""
        return self._viewer

    async def _viewer(self, handler: RequestHandler) -> str:
        role = handler.request.headers.get(self._role_header, "")
        if isinstance(handler, WebSocketHandler):
            _, _, token = handler.request.headers.get("Sec-WebSocket-Protocol", "").partition(",")
            if not role or self._role_in(token.strip()) != role:
                raise HTTPError(403)
        return role or "nobody"

    def _role_in(self, token: str) -> str | None:
        """The role in a page's token, which is Bokeh's second subprotocol; None when we did not sign it."""
        try:
            if not check_token_signature(token, secret_key=self._secret, signed=True):
                return None
            headers = get_token_payload(token).get("headers", {})
        except (ValueError, KeyError, zlib.error):
            return None
        return next((value for name, value in headers.items() if name.lower() == self._role_header.lower()), None)


def build(
    pages: Mapping[str, Path], secret: bytes, role_header: str, name_header: str, hosts: Iterable[str] = ()
) -> BokehTornado:
    """The application over ``pages`` (path to file); ``start`` it once the loop runs, ``stop`` it at the end.

    ``role_header`` and ``name_header`` are names of headers as Tornado writes them (``X-Vain-Role``): what the viewer
    may do, and as whom they signed in (percent-encoded; absent for who did not). The gate must set them on every
    request and drop what the client sent. ``hosts`` (``name:port``) may open the WebSocket although they differ from
    the Host header, as behind a proxy.
    """
    settings.resources = "server"
    # Both look for a programmer's mistakes, each time that somebody opens a page: a sixth of what that takes.
    settings.perform_document_validation = settings.perform_error_diagnostics = False
    viewer.trust(role_header, name_header)
    application = BokehTornado(
        build_applications({path: str(page) for path, page in pages.items()}, location=False),
        secret_key=secret,
        sign_sessions=True,
        extra_websocket_origins=list(hosts),
        auth_provider=SameRole(role_header, secret),
        include_headers=[role_header, name_header],
        include_cookies=[],
        session_token_expiration=TOKEN_SECONDS,
        use_index=False,
        redirect_root=False,
        keep_alive_milliseconds=KEEP_ALIVE_MILLISECONDS,
        stats_log_frequency_milliseconds=NEVER_MILLISECONDS,
        mem_log_frequency_milliseconds=0,
        websocket_max_message_size_bytes=LARGEST_MESSAGE_BYTES,
    )
    application.add_handlers(".*", statics.patterns())
    return application


def start(application: BokehTornado, loop: IOLoop) -> None:
    """Runs what the application does by itself: pings, and the end of sessions whose browser is gone."""
    application.initialize(loop)
    application.start()


def stop(application: BokehTornado) -> None:
    """Ends that, and closes the connection of every browser."""
    application.stop()
