"""How a request gets in: its route is known, and the gate decides on its head alone, before any of the body is read."""

from __future__ import annotations

from tornado.httputil import HTTPHeaders

from vain.errors import Forbidden, Unauthenticated, Unavailable, VainError
from vain.types import Role
from vain.web.answering import Answering
from vain.web.gate import SAFE_METHODS, Identity
from vain.web.offered import says_who_later
from vain.web.routes import Endpoint
from vain.web.second_look import Unknown


class Entering(Answering):
    """The third of an exchange that is before its body; ``Exchange`` sets what is read here."""

    _headers: HTTPHeaders
    _peer: str
    _endpoint: Endpoint | None
    _is_stranger: bool
    """It is a WebSocket whose client has yet to say who it is."""

    def _admit(self, target: str, websocket: bool, looked: bool = False) -> None:
        """Through the gate, and counted. Raises what the gate does."""
        if self._is_crowded:
            raise Unavailable("There are too many connections; try again in a moment.")
        rates = self._desk.limits.rates
        try:
            self._identity = self._identified(target, websocket, looked)
        except Unknown:
            raise  # it is not refused yet
        except VainError as refusal:
            rates.take_refused(self._peer)
            may_be_late = self._mount is not None and self._mount.admits_later and websocket
            is_late = may_be_late and says_who_later(self._headers)
            if not (is_late and isinstance(refusal, Unauthenticated)):
                raise
            self._is_stranger = True
            return
        rates.take_admitted(self._identity, self._peer)

    def _identified(self, target: str, websocket: bool, looked: bool) -> Identity:
        gate, headers = self._desk.gate, self._headers
        if self._outer.host is not None:
            gate.check_host(self._outer.host)
        if self._other_page is not None:
            self._check_crossing()
            if self._is_preflight():
                return gate.admit_preflight(target, headers)
        endpoint = self._endpoint
        needs, takes = (endpoint.needs, endpoint.takes) if endpoint is not None else (self._mount_needs(), ())
        secure = self._outer.secure
        return gate.admit(
            self._method, target, headers, self._peer, needs,
            websocket=websocket, takes=takes, secure=secure, looked=looked,
        )  # fmt: skip

    def _check_crossing(self) -> None:
        """Pages of other origins may use the interface, and neither sign in nor see the dashboard."""
        endpoint, mount = self._endpoint, self._mount
        signs_in = endpoint is not None and endpoint.needs is None and self._method not in SAFE_METHODS
        if signs_in or (mount is not None and not mount.is_open):
            raise Forbidden("A page of another origin may not use this address, allowed or not.")

    def _is_preflight(self) -> bool:
        return self._method == "OPTIONS" and "Access-Control-Request-Method" in self._headers

    def _mount_needs(self) -> Role | None:
        return "read" if self._mount is None else self._mount.needs
