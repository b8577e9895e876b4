"""A provider of OpenID Connect, and GitHub's way beside it, over real HTTP. It checks what a provider has to check."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, quote, urlencode, urlsplit

CLIENT, SECRET = "vain-client", "s3cret/with:odd%letters"


class OpenIdProvider(ThreadingHTTPServer):
    """``person`` is who signs in there next; ``wrong`` are claims of the id token that come out otherwise."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.person: dict[str, Any] = {"sub": "ada-1", "email": "ada@example.org", "email_verified": True}
        self.wrong: dict[str, Any] = {}
        self.methods = ["client_secret_basic", "client_secret_post"]
        self.denies = False
        self.codes: dict[str, dict[str, str]] = {}
        self.tokens: set[str] = set()
        self.asked: list[str] = []

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: OpenIdProvider

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        self.server.asked.append(address.path)
        asked = dict(parse_qsl(address.query))
        if address.path == "/.well-known/openid-configuration":
            self._json({
                "issuer": self.server.issuer, "authorization_endpoint": f"{self.server.issuer}/authorize",
                "token_endpoint": f"{self.server.issuer}/token", "userinfo_endpoint": f"{self.server.issuer}/userinfo",
                "token_endpoint_auth_methods_supported": self.server.methods,
            })  # fmt: skip
        elif address.path in ("/authorize", "/login/oauth/authorize"):
            self._authorize(asked, is_openid=address.path == "/authorize")
        elif not self._bearer():
            self._json({"error": "invalid_token"}, 401)
        elif address.path == "/userinfo":
            self._json(self.server.person)
        elif address.path == "/api/v3/user":
            self._json({"id": 42, "login": "ada"})
        else:
            person = self.server.person
            other = {"email": "other@example.org", "verified": True, "primary": False}
            own = {"email": person["email"], "verified": person["email_verified"], "primary": True}
            self._json([other, own])

    def do_POST(self) -> None:
        self.server.asked.append(self.path)
        form = {k: v[0] for k, v in parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode()).items()}
        code = self.server.codes.pop(form.get("code", ""), None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        is_right = (
            code is not None
            and form.get("grant_type") == "authorization_code"
            and code["redirect_uri"] == form.get("redirect_uri")
            and code["code_challenge"] == challenge.decode().rstrip("=")
            and self._is_client(form)
        )
        if code is None or not is_right:
            return self._json({"error": "invalid_grant"}, 400)
        token = secrets.token_hex(8)
        self.server.tokens.add(token)
        return self._json({"access_token": token, "token_type": "Bearer", "id_token": self._id_token(code)})

    def _authorize(self, asked: dict[str, str], is_openid: bool) -> None:
        assert asked["response_type"] == "code" and asked["client_id"] == CLIENT
        assert asked["code_challenge_method"] == "S256" and len(asked["code_challenge"]) == 43
        assert ("openid" in asked["scope"].split()) == ("nonce" in asked) == is_openid
        code = secrets.token_hex(8)
        self.server.codes[code] = asked
        told = {"error": "access_denied"} if self.server.denies else {"code": code}
        self.send_response(302)
        self.send_header("Location", f"{asked['redirect_uri']}?{urlencode({**told, 'state': asked['state']})}")
        self.end_headers()

    def _is_client(self, form: dict[str, str]) -> bool:
        basic = base64.b64encode(f"{quote(CLIENT, safe='')}:{quote(SECRET, safe='')}".encode()).decode()
        by_header = self.headers["Authorization"] == f"Basic {basic}" and "client_secret_basic" in self.server.methods
        return by_header or (form.get("client_id"), form.get("client_secret")) == (CLIENT, SECRET)

    def _bearer(self) -> bool:
        return (self.headers["Authorization"] or "").removeprefix("Bearer ") in self.server.tokens

    def _id_token(self, code: dict[str, str]) -> str:
        claims = {"iss": self.server.issuer, "aud": CLIENT, "exp": time.time() + 300, "sub": self.server.person["sub"]}
        claims |= {"nonce": code.get("nonce")} | self.server.wrong
        parts = [{"alg": "RS256"}, claims]
        texts = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
        return ".".join([*texts, "signature"])

    def _json(self, value: object, status: int = 200) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@contextmanager
def openid_provider() -> Iterator[OpenIdProvider]:
    with OpenIdProvider() as provider:
        thread = threading.Thread(target=provider.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield provider
        finally:
            provider.shutdown()
            thread.join()
