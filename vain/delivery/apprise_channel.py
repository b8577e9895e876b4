"""Messages through Apprise, which knows many services of chat, mail and paging.

Only schemes that are listed here, since Apprise has others that run programs or read files. Its addresses are secrets
as a whole, and its own log would name them: it is silent, and only the scheme is ever shown. Apprise is loaded by the
first channel that needs it, and blocks: it has a thread of its own.
"""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from vain.delivery.aside import Aside
from vain.delivery.sending import Kind, Parcel, Refused
from vain.errors import Misconfigured
from vain.types import Level

if TYPE_CHECKING:
    from apprise import NotifyBase

LIMIT_SECONDS = 30.0
CHART_NAME = "chart.png"

SCHEMES = frozenset(
    """
    mailto mailtos slack discord workflow workflows ntfy ntfys gotify gotifys tgram matrix matrixs pover pbul prowl
    mmost mmosts rocket rockets nctalk nctalks gchat zulip wxteams webex signal signals pagerduty opsgenie victorops
    pushward bark barks join twist lark feishu dingtalk simplepush
    """.split()
)
REFUSED_PARAMETERS = frozenset({"attach", "template", "pgp", "pgpkey", "keyfile", "include"})
"""What would have a file of this machine, or of another one, read or made."""
_NO = frozenset({"no", "n", "false", "0", "off", "disable", "deny", "never", "none"})
_CALL = re.compile(r"(?<!\w)[@!](?=(?:everyone|here|channel|all|room|group|subteam)\b)|<(?=[@!#&])", re.IGNORECASE)
_TYPES: dict[Level, str] = {"info": "info", "warning": "warning", "error": "failure"}


class AppriseChannel:
    """One address of Apprise. Raises Misconfigured, which names its scheme alone."""

    kind: Kind = "apprise"
    most_tries = None
    takes_many = True

    def __init__(self, url: str, limit_seconds: float = LIMIT_SECONDS) -> None:
        scheme = checked_scheme(url)
        self.target = f"{scheme}://***"
        self._limit_seconds = limit_seconds
        self._plugin = _plugin(url, scheme)
        self.takes_charts = bool(self._plugin.attachment_support)
        self._aside: Aside[bool] = Aside(f"vain-{scheme}")

    async def send(self, parcel: Parcel) -> None:
        """See ``Sender``. What takes too long goes on; the next attempt waits for it, so that it is not sent twice."""
        try:
            is_taken = await self._aside.call(parcel.numbers, lambda: self._tell(parcel), self._limit_seconds)
        except TimeoutError:
            raise Refused(f"{self.target} did not end within {self._limit_seconds:g} s") from None
        except Exception as error:  # noqa: BLE001  (what Apprise raises may name the address)
            raise Refused(f"{self.target} failed: {type(error).__name__}") from None
        if not is_taken:
            raise Refused(f"{self.target} did not take it")

    def _tell(self, parcel: Parcel) -> bool:
        """Beside the loop. A message that was refused with its chart is sent without it."""
        import apprise  # noqa: PLC0415  (only if a channel needs it)
        from apprise.attachment.memory import AttachMemory  # noqa: PLC0415

        level = max((each.level for each in parcel.notifications), key=("info", "warning", "error").index)
        attached: list[Any] = []
        if parcel.chart is not None and not parcel.tries:
            chart = AttachMemory(content=parcel.chart, name=CHART_NAME, mimetype="image/png")  # type: ignore[no-untyped-call]  # Apprise's own
            attached.append(chart)
        sent = apprise.Apprise(asset=self._plugin.asset)
        sent.add(self._plugin)
        return bool(
            sent.notify(
                body=_calling_nobody(parcel.message.text),
                title=_calling_nobody(parcel.message.title),
                notify_type=apprise.NotifyType(_TYPES[level]),
                body_format=apprise.NotifyFormat.TEXT,
                attach=attached or None,
            )
        )


def _calling_nobody(text: str) -> str:
    """A task may be named ``@everyone``: a space without width keeps a chat from ringing all its members."""
    return _CALL.sub(lambda found: f"{found[0]}\u200b", text)


def checked_scheme(url: str) -> str:
    """The scheme of an address of Apprise, if it may be used. Needs no Apprise. Raises Misconfigured."""
    found = re.match(r"([a-z0-9]{1,20})://\S", url, re.ASCII)
    if found is None or re.search(r"\s", url):
        raise Misconfigured("An address of Apprise is expected, one without spaces, such as ntfys://HOST/TOPIC.")
    scheme = found[1]
    if scheme not in SCHEMES:
        raise Misconfigured(f"{scheme}:// is not among those that may be used: {', '.join(sorted(SCHEMES))}.")
    for name, value in _parameters(url):
        if name in REFUSED_PARAMETERS:
            raise Misconfigured(f"{scheme}://***: the parameter {name} may not be used.")
        if name == "verify" and value.strip().lower() in _NO:
            raise Misconfigured(f"{scheme}://***: verify=no may not be used, certificates are verified.")
        if name == "redirect" and value.strip().lower() not in _NO:
            raise Misconfigured(f"{scheme}://***: redirect may not be used, redirects are not followed.")
    return scheme


def _parameters(url: str) -> list[tuple[str, str]]:
    try:
        query = urlsplit(url).query
    except ValueError:
        query = url.partition("?")[2]
    return [(name.strip().lower(), value) for name, value in parse_qsl(query, keep_blank_values=True)]


def _plugin(url: str, scheme: str) -> NotifyBase:
    """Apprise's own object for the address, which follows no redirect and keeps nothing on disk."""
    import apprise  # noqa: PLC0415  (only if a channel needs it)

    # They would name the address: in what they say of a failure, urllib3 in what it says of each connection.
    for chatty in ("apprise", "urllib3", "requests"):
        logging.getLogger(chatty).setLevel(logging.CRITICAL + 1)
    asset = apprise.AppriseAsset(app_id="vAIn", app_desc="vAIn", app_url="", http_redirects=False, async_mode=False)
    try:
        made = apprise.Apprise.instantiate(url, asset=asset, suppress_exceptions=False)
    except Exception:  # noqa: BLE001  (what Apprise raises may name the address)
        made = None
    if made is None:
        raise Misconfigured(f"{scheme}://*** cannot be read: see what Apprise expects of a {scheme} address.")
    made.redirects = False
    if not made.verify_certificate:
        raise Misconfigured(f"{scheme}://***: verify=no may not be used, certificates are verified.")
    return made
