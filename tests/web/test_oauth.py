"""Signing in through a provider: a real one over HTTP, our server's own side whole."""

from __future__ import annotations

import asyncio
import http.client
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from websockets.sync.client import connect

from tests.browser import Visit, chromium
from tests.store.engines import keys_of
from tests.web.harness import Reply, Running, running
from tests.web.openid_provider import CLIENT, SECRET, OpenIdProvider, openid_provider
from vain import settings
from vain.admission import Person
from vain.errors import Forbidden, Misconfigured, Unavailable
from vain.web import oauth as module
from vain.web import oauth_routes
from vain.web.failures import MOST_IN_ALL
from vain.web.oauth import MOST_ASKING, NotSignedIn, OAuth, Pending, key_name
from vain.web.provider import AWAY_SECONDS, Asking, Client, OpenId, issuer_of, provider_of

ADA = {"sub": "ada-1", "email": "ada@example.org", "email_verified": True}


@pytest.fixture(scope="module")
def provider() -> Iterator[OpenIdProvider]:
    with openid_provider() as made:
        yield made


@pytest.fixture(autouse=True)
def as_at_first(provider: OpenIdProvider) -> None:
    provider.person, provider.wrong, provider.denies = dict(ADA), {}, False
    provider.methods = ["client_secret_basic", "client_secret_post"]


def options(provider: OpenIdProvider, name: str = "generic", *roles: str) -> dict[str, object]:
    place = f"{'url' if name == 'github' else 'issuer'}={provider.issuer}"
    named = roles or ("ada@example.org=write", "group:ops=admin")
    return {
        "oauth-provider": name,
        "oauth-key": CLIENT,
        "oauth-extra-params": [place, "prompt=login"],
        "oauth-role": named,
    }


def made_key(folder: Path) -> str:
    keys = keys_of(folder)
    with closing(keys):
        return keys.create("administrator", "admin")[1]


@pytest.fixture(scope="module")
def server(provider: OpenIdProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("data")
    made_key(folder)
    with (
        pytest.MonkeyPatch.context() as patch,
        running_with_secret(
            patch, folder, {**options(provider), "prefix": "/vain", "trust-proxy": ["127.0.0.1"]}
        ) as run,
    ):
        yield run


def running_with_secret(patch: pytest.MonkeyPatch, folder: Path, given: dict[str, object]):  # type: ignore[no-untyped-def]
    """The secret is a variable, and the harness starts servers without any."""
    load = settings.load
    patch.setattr(settings, "load", lambda known, _: load(known, {"VAIN_OAUTH_SECRET": SECRET}))
    return running(folder, **given)


class Browser:
    """Follows redirects only when told to, and keeps cookies as a browser does."""

    def __init__(self, run: Running, scheme: str = "http") -> None:
        self.run, self.scheme = run, scheme
        self.cookies: dict[str, str] = {}

    def get(self, path: str, **more: str) -> Reply:
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        sent = {
            "Host": self.run.host,
            "X-Forwarded-Proto": self.scheme,
            **({"Cookie": cookies} if cookies else {}),
            **more,
        }
        reply = self.run.call("GET", path, None, sent)
        for line in reply.headers.get_all("Set-Cookie") or []:
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value
            if "Max-Age=0" in line:
                del self.cookies[name]
        return reply

    def out(self, target: str = "/board") -> str:
        """To the provider and back: the address of the callback that it sends the browser to."""
        away = urlsplit(self.get(f"/vain/oauth/begin?next={target}").headers["Location"])
        with closing(http.client.HTTPConnection(away.netloc, timeout=5)) as connection:
            connection.request("GET", f"{away.path}?{away.query}")
            answer = connection.getresponse()
            answer.read()
        back = urlsplit(answer.headers["Location"])
        assert f"{back.scheme}://{back.netloc}{back.path}" == f"{self.scheme}://{self.run.host}/vain/oauth/callback"
        return f"{back.path}?{back.query}"

    def trouble(self, callback: str) -> str:
        reply = self.get(callback)
        assert reply.status == 303, reply.body
        return parse_qs(urlsplit(reply.headers["Location"]).query)["trouble"][0]


@pytest.fixture
def browser(server: Running) -> Browser:
    server.server._services.gate._failures.__init__(lambda: 0.0)  # type: ignore[misc]
    return Browser(server)


def test_who_is_meant_gets_in_and_goes_on(browser: Browser, server: Running) -> None:
    reply = browser.get(browser.out("/board%3Fq%3Da%2526b"))
    assert reply.status == 200 and b'content="0;url=../board?q=a%26b"' in reply.body
    assert list(browser.cookies) == ["vain", "vain-oauth"] or list(browser.cookies) == ["vain-oauth", "vain"]
    assert browser.get("/tasks").status == 200
    made = [info for info in server.server._services.keys.list() if info.name == "oauth:ada@example.org"]
    assert made[-1].role == "write" and made[-1].expires_at is not None


def test_the_cookies_are_kept_from_scripts_and_other_sites(browser: Browser) -> None:
    begun = browser.get("/vain/oauth/begin").headers["Set-Cookie"]
    assert begun.endswith("; Path=/vain; Max-Age=600; HttpOnly; SameSite=Lax")
    done = browser.get(browser.out()).headers["Set-Cookie"]
    assert done.endswith("; Path=/vain; Max-Age=604800; HttpOnly; SameSite=Strict")


def test_behind_tls_both_are_secure(server: Running) -> None:
    secure = Browser(server, "https")
    callback = secure.out()
    assert list(secure.cookies) == ["__Secure-vain-oauth"]
    assert secure.get(callback).headers["Set-Cookie"].startswith("__Secure-vain=")


def test_the_role_holds_for_rest_and_sockets(browser: Browser, provider: OpenIdProvider, server: Running) -> None:
    provider.person = {"sub": "bob", "groups": ["ops"]}
    assert browser.get(browser.out()).status == 200
    key = server.server._services.keys.list()[-1]
    assert (key.name, key.role) == ("oauth:bob", "admin")
    sent = {"Cookie": f"vain={browser.cookies['vain']}"}
    with connect(server.socket_url, origin=f"http://{server.host}", additional_headers=sent) as socket:  # type: ignore[arg-type]
        assert socket.recv(5)


def test_revoking_the_key_ends_it_at_once(browser: Browser, server: Running) -> None:
    browser.get(browser.out())
    keys = server.server._services.keys
    keys.revoke(keys.list()[-1].key_id)
    assert browser.get("/tasks").status == 401


@pytest.mark.parametrize(
    "person",
    [{"sub": "eve", "email": "eve@example.org", "email_verified": True},
     {"sub": "eve", "email": "ada@example.org", "email_verified": False}, {"sub": "eve", "email": "ada@example.org"}],
)  # fmt: skip
def test_who_has_no_role_stays_out(browser: Browser, provider: OpenIdProvider, person: dict[str, object]) -> None:
    provider.person = person
    assert browser.trouble(browser.out()) == "role"
    assert browser.get("/tasks").status == 401


@pytest.mark.parametrize("wrong", [{"nonce": "other"}, {"aud": "them"}, {"iss": "https://evil.example"}, {"exp": 1}])
def test_a_token_for_another_sign_in_is_refused(
    browser: Browser, provider: OpenIdProvider, wrong: dict[str, object]
) -> None:
    provider.wrong = wrong
    assert browser.trouble(browser.out()) == "refused"


def test_who_refuses_over_there_is_told_so_here(browser: Browser, provider: OpenIdProvider) -> None:
    provider.denies = True
    assert browser.trouble(browser.out()) == "refused"
    page = browser.get("/vain/login?trouble=refused").body
    assert b"You were not signed in there." in page and b"Sign in with your account" in page


def test_another_browser_cannot_finish_it(browser: Browser, server: Running) -> None:
    callback = browser.out()
    other = Browser(server)
    assert other.trouble(callback) == "stale"
    other.out()
    assert other.trouble(callback) == "stale"
    assert other.get("/tasks").status == 401


def test_over_https_a_cookie_that_any_page_could_set_is_none(server: Running) -> None:
    attacker, victim = Browser(server, "https"), Browser(server, "https")
    callback = attacker.out()
    victim.cookies = {"vain-oauth": attacker.cookies["__Secure-vain-oauth"]}
    assert victim.trouble(callback) == "stale"
    assert attacker.get(callback).status == 200
    victim.cookies = {"vain": attacker.cookies["__Secure-vain"]}
    assert victim.get("/vain/tasks").status == 401 and attacker.get("/vain/tasks").status == 200
    assert b"data-next" in victim.get("/vain/login").body and attacker.get("/vain/login").status == 303


def test_a_code_counts_once(browser: Browser) -> None:
    callback = browser.out()
    cookies = dict(browser.cookies)
    assert browser.get(callback).status == 200
    browser.cookies = cookies
    assert browser.trouble(callback) == "refused"


def test_a_cookie_that_was_changed_is_none(browser: Browser) -> None:
    callback = browser.out()
    body, _, signature = browser.cookies["vain-oauth"].partition(".")
    for forged in (f"{body}x.{signature}", f"{body}.{'0' * 64}", body, "", ".", "é.é"):
        browser.cookies["vain-oauth"] = forged
        reply = browser.run.call("GET", callback, None, {"Cookie": f"vain-oauth={forged}".encode().decode("latin-1")})
        assert "trouble=stale" in reply.headers["Location"], forged


def test_it_has_to_be_finished_in_time(browser: Browser, server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    callback, oauth = browser.out(), server.server._services.oauth
    assert oauth is not None
    clock = oauth._clock
    monkeypatch.setattr(oauth, "_clock", lambda: clock() + module.PENDING_SECONDS + 1)
    assert browser.trouble(callback) == "stale"


@pytest.mark.parametrize("target", ["https://evil.example", "//evil.example", "/../hub", "/x" * 800, '/"><script>'])
def test_it_goes_on_to_our_own_pages_alone(browser: Browser, target: str) -> None:
    body = browser.get(browser.out(target)).body.decode()
    assert "evil" not in body and "hub" not in body and "<script>" not in body and len(body) < 400


@pytest.mark.parametrize("query", ["", "?state=x", "?code=x", "?state=x&state=y&code=z", "?" + "a=1&" * 60, "?%FF"])
def test_a_callback_out_of_nowhere_is_no_error_of_ours(browser: Browser, query: str) -> None:
    assert browser.get(f"/vain/oauth/callback{query}").status == 303


def test_guessing_is_slowed_down(browser: Browser) -> None:
    callback, cookies = browser.out(), dict(browser.cookies)
    statuses = []
    for _ in range(12):
        browser.cookies = dict(cookies)
        statuses.append(browser.get(callback.replace("code=", "code=x")).status)
    assert statuses[0] == 303 and statuses[-1] == 429


def test_being_sent_here_by_any_page_keeps_nobody_from_signing_in(browser: Browser) -> None:
    for query in ("", "?state=x&code=y", "?error=access_denied") * 5:
        assert browser.get(f"/vain/oauth/callback{query}").status == 303
    assert browser.get(browser.out()).status == 200


def test_what_others_fail_at_keeps_nobody_from_signing_in(browser: Browser, server: Running) -> None:
    for number in range(MOST_IN_ALL):
        server.server._services.gate.lose_patience(f"10.0.{number // 250}.{number % 250}")
    assert browser.get(browser.out()).status == 200


def test_few_codes_are_shown_to_the_provider_at_a_time() -> None:
    shown: list[str] = []

    class Slow:
        label = "it"

        async def address(self, asking: Asking) -> str:
            return "https://id.example"

        async def person(self, asking: Asking, code: str) -> Person:
            shown.append(code)
            await asyncio.sleep(0)
            raise Forbidden("unknown")

    async def work() -> None:
        oauth = OAuth(Slow(), (), b"secret")
        pending = Pending("s", "n", "v", "/", "https://here.example", 0)
        for _ in range(2):
            tried = [oauth.admitted(pending, "made up") for _ in range(3 * MOST_ASKING)]
            refused = await asyncio.gather(*tried, return_exceptions=True)
            troubles = [each.trouble for each in refused if isinstance(each, NotSignedIn)]
            assert troubles.count("refused") == MOST_ASKING and troubles.count("away") == 2 * MOST_ASKING
        assert len(shown) == 2 * MOST_ASKING

    asyncio.run(work())


def test_a_subject_does_not_pass_for_an_address() -> None:
    assert key_name(Person("x", "ada@example.org")) == "oauth:ada@example.org"
    assert key_name(Person("ada@example.org")) == "oauth:sub:ada@example.org"
    assert key_name(Person("42")) == "oauth:42"


def test_many_strangers_ask_a_provider_that_is_away_once() -> None:
    asked, now = [], [0.0]

    async def away(url: str, form: object = None, **headers: str) -> dict[str, object]:
        asked.append(url)
        await asyncio.sleep(0)
        raise Unavailable("away")

    async def work() -> None:
        provider = OpenId("https://id.example", "x", Client("k", None, {}), away, lambda: now[0])
        asking = Asking("s", "n", "v", "c", "https://here.example")
        refused = await asyncio.gather(*[provider.address(asking) for _ in range(50)], return_exceptions=True)
        assert {type(each) for each in refused} == {Unavailable} and len(asked) == 1
        now[0] += AWAY_SECONDS
        with pytest.raises(Unavailable):
            await provider.address(asking)
        assert len(asked) == 2

    asyncio.run(work())


def test_the_secret_goes_the_way_that_the_provider_takes(
    browser: Browser, provider: OpenIdProvider, server: Running
) -> None:
    provider.methods = ["client_secret_post"]
    server.server._services.oauth._provider._found = None  # type: ignore[union-attr]
    assert browser.get(browser.out()).status == 200
    server.server._services.oauth._provider._found = None  # type: ignore[union-attr]


def test_a_provider_that_is_away_is_told(browser: Browser, server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    known = server.server._services.oauth._provider  # type: ignore[union-attr]
    assert isinstance(known, OpenId)
    monkeypatch.setattr(known, "_issuer", "http://127.0.0.1:9")
    monkeypatch.setattr(known, "_found", None)
    monkeypatch.setattr(known, "_failed_at", known._failed_at)
    reply = browser.get("/vain/oauth/begin")
    assert (reply.status, reply.headers["Location"]) == (303, "/vain/login?trouble=away&next=/")


def test_one_person_has_no_more_than_so_many_at_once(
    browser: Browser, server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oauth_routes, "MOST_AT_ONCE", 2)
    for _ in range(3):
        browser.get(browser.out())
    mine = [info for info in server.server._services.keys.list() if info.name == "oauth:ada@example.org"]
    assert len(mine) == 2 and browser.get("/tasks").status == 200


def test_github_is_asked_in_its_own_way(
    provider: OpenIdProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_key(tmp_path)
    with running_with_secret(monkeypatch, tmp_path, options(provider, "github") | {"prefix": "/vain"}) as run:
        browser = Browser(run)
        assert browser.get(browser.out()).status == 200
        assert (run.server._services.keys.list()[-1].name, browser.get("/vain/tasks").status) == (
            "oauth:ada@example.org", 200,
        )  # fmt: skip
        provider.person["email_verified"] = False
        assert Browser(run).trouble(browser.out()) == "stale"
        assert browser.trouble(browser.out()) == "role"


def test_other_rules_end_who_got_in_by_the_old(
    provider: OpenIdProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_key(tmp_path)
    given = options(provider) | {"prefix": "/vain"}
    with running_with_secret(monkeypatch, tmp_path, given) as run:
        browser = Browser(run)
        browser.get(browser.out())
    with running(tmp_path, **given) as run:
        browser.run = run
        assert browser.get("/vain/tasks").status == 200
    with running(tmp_path, **given | {"oauth-role": ["eve@example.org=read"]}) as run:
        browser.run = run
        assert browser.get("/vain/tasks").status == 401


def test_without_a_provider_there_is_none(tmp_path: Path) -> None:
    with running(tmp_path) as run:
        assert run.call("GET", "/oauth/begin").status == run.call("GET", "/oauth/callback").status == 404


def test_a_key_is_needed_first_and_so_is_a_rule(provider: OpenIdProvider, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="vain keys create"), running(tmp_path, **options(provider)):
        pass
    made_key(tmp_path)
    for left_out, said in (("oauth-role", "nobody gets in"), ("oauth-key", "client id")):
        given = {name: value for name, value in options(provider).items() if name != left_out}
        with pytest.raises(Misconfigured, match=said), running(tmp_path, **given):
            pass


@pytest.mark.parametrize(
    ("name", "extra", "issuer"),
    [
        ("google", {}, "https://accounts.google.com"),
        ("azure", {"tenant": "t"}, "https://login.microsoftonline.com/t/v2.0"),
        ("auth0", {"subdomain": "s"}, "https://s.auth0.com/"),
        ("gitlab", {}, "https://gitlab.com"),
        ("gitlab", {"url": "git.example.org"}, "https://git.example.org"),
        ("okta", {"url": "o.okta.com"}, "https://o.okta.com/oauth2/default"),
        ("generic", {"issuer": "https://id.example.org"}, "https://id.example.org"),
    ],
)
def test_providers_are_found_by_panels_names(name: str, extra: dict[str, str], issuer: str) -> None:
    assert issuer_of(name, extra) == issuer


@pytest.mark.parametrize("place", ["http://id.example.org", "ftp://x", "https://", "id.example.org"])
def test_a_provider_has_to_be_at_an_https_address(place: str) -> None:
    given = {"oauth-provider": "generic", "oauth-key": "x", "oauth-role": ["a@b.example=read"]}
    with pytest.raises(Misconfigured, match="https"):
        provider_of(settings.load(given | {"oauth-extra-params": [f"issuer={place}"]}, {}))


def test_the_secret_is_shown_nowhere() -> None:
    known = settings.load({}, {"VAIN_OAUTH_SECRET": SECRET})
    assert SECRET not in repr(known) and known.oauth_secret == SECRET


@pytest.mark.slow
def test_a_browser_comes_back_signed_in(server: Running, chromium_path: str) -> None:
    """What only a browser shows: the cookie is SameSite=Strict, and the way back begins at another site."""
    server.server._services.gate._failures.__init__(lambda: 0.0)  # type: ignore[misc]
    with chromium(chromium_path) as opened:
        visit = Visit(opened, f"http://localhost:{server.port}/vain/login?next=/tasks", ignore_https_errors=True)
        visit.page.unroute("**/*")
        visit.page.get_by_role("link", name="Sign in with your account").click()
        visit.page.wait_for_url(f"http://localhost:{server.port}/vain/tasks")
        assert visit.page.inner_text("body").startswith("[")
        visit.close()
