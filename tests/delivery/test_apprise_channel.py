"""Mail through Apprise to a real mail server; what its addresses may say; and that they are secrets."""

from __future__ import annotations

import asyncio
import logging
import threading
from email.message import EmailMessage

import pytest

from tests.delivery.made import notification, parcel
from tests.delivery.receivers import HttpReceiver, MailReceiver, answering
from vain.delivery.apprise_channel import SCHEMES, AppriseChannel, checked_scheme
from vain.delivery.sending import Parcel, Refused
from vain.errors import Misconfigured

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 64


def mailed(sent: Parcel, *replies: str, more: str = "") -> list[EmailMessage]:
    async def main() -> list[EmailMessage]:
        async with MailReceiver(*replies).open() as receiver:
            await AppriseChannel(receiver.url(more)).send(sent)
            return [mail for mail in receiver.mails if isinstance(mail, EmailMessage)]

    return asyncio.run(main())


def part(mail: EmailMessage, kind: str) -> str:
    return next(str(each.get_content()) for each in mail.walk() if each.get_content_type() == kind)


def test_a_mail_says_what_and_where() -> None:
    (mail,) = mailed(parcel(notification(message="exit code 1, after 3 s")))
    assert mail["Subject"] == "alpha: job 1 failed"
    assert mail["To"] == "ops@example.org"
    text = part(mail, "text/plain") if mail.is_multipart() else str(mail.get_content())
    assert "exit code 1, after 3 s" in text and "http://alpha:5006/alerts" in text


def test_what_people_wrote_is_never_html() -> None:
    said = parcel(notification(title="x\r\nBcc: evil@example.org", message="<b>bold</b> & <script>"))
    (mail,) = mailed(said)
    assert mail["Bcc"] is None and mail["Subject"] == "alpha: x Bcc: evil@example.org"
    assert mail.get_content_type() == "text/plain"
    (mail,) = mailed(said, more="&format=html")
    html = part(mail, "text/html")
    assert "<script>" not in html and "&lt;script&gt;" in html and "<b>" not in html


def test_a_name_that_would_ring_everybody_does_not() -> None:
    said = parcel(notification(title="@everyone <!channel> <@U12>", message="to ops@here.example.org, @allison"))
    (mail,) = mailed(said)
    assert mail["Subject"] == "alpha: @\u200beveryone <\u200b!\u200bchannel> <\u200b@U12>"
    assert "to ops@here.example.org, @allison" in str(mail.get_content())


def test_the_chart_comes_along() -> None:
    (mail,) = mailed(parcel(chart=PNG))
    (image,) = [each for each in mail.walk() if each.get_content_type() == "image/png"]
    assert image.get_content() == PNG
    assert image.get_filename() == "chart.png"


def test_after_a_refusal_it_is_sent_without_its_chart() -> None:
    (mail,) = mailed(parcel(chart=PNG, tries=1))
    assert not [each for each in mail.walk() if each.get_content_type() == "image/png"]


def test_a_mail_server_that_says_no_is_a_refusal() -> None:
    with pytest.raises(Refused, match=r"^mailto://\*\*\* did not take it$"):
        mailed(parcel(), "554 no")


def test_redirects_are_not_followed() -> None:
    async def main() -> tuple[int, int]:
        async with HttpReceiver().open() as other:
            moved = answering(307, f"Location: {other.url}\r\n")
            async with HttpReceiver(moved).open() as receiver:
                with pytest.raises(Refused):
                    await AppriseChannel(f"ntfy://127.0.0.1:{receiver.port}/topic?redirect=no").send(parcel())
                return len(receiver.received), len(other.received)

    assert asyncio.run(main()) == (1, 0)


def test_one_that_hangs_is_left_and_not_sent_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    go_on, calls = threading.Event(), list[int]()

    async def main() -> None:
        channel = AppriseChannel("mailto://127.0.0.1:1/?from=a@example.org&to=b@example.org", 0.05)

        def tell(sent: Parcel) -> bool:
            calls.append(sent.tries)
            return go_on.wait(10)

        monkeypatch.setattr(channel, "_tell", tell)
        with pytest.raises(Refused, match=r"did not end within 0.05 s"):
            await channel.send(parcel())
        go_on.set()
        await asyncio.sleep(0.1)
        await channel.send(parcel(tries=1))

    asyncio.run(main())
    assert calls == [0]


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("json://example.org/x", "json:// is not among those that may be used"),
        ("syslog://", "An address of Apprise is expected"),
        ("form://example.org", "form:// is not among"),
        ("https://hooks.example.org/x", "https:// is not among"),
        ("mailtos://u:geheim@example.org?redirect=yes", "redirect may not be used"),
        ("mailtos://u:geheim@example.org?verify=%6eo", "verify=no may not be used"),
        ("ntfy://example.org/t?attach=file:///etc/hostname", "the parameter attach may not be used"),
        ("discord://1/2?template=/etc/passwd", "the parameter template may not be used"),
        ("mailtos://u:geheim@example.org, json://example.org", "one without spaces"),
        ("slack://geheim", r"slack://\*\*\* cannot be read"),
    ],
)
def test_what_may_not_be_used_is_refused_without_its_secret(url: str, why: str) -> None:
    with pytest.raises(Misconfigured, match=why) as caught:
        AppriseChannel(url)
    assert "geheim" not in caught.value.detail and "example.org" not in caught.value.detail


def test_each_scheme_that_may_be_used_is_one_of_apprise() -> None:
    from apprise.manager_plugins import NotificationManager

    assert set(NotificationManager().schemas()) >= SCHEMES
    assert checked_scheme("ntfys://example.org/topic") == "ntfys"
    assert not SCHEMES & {"json", "xml", "form", "syslog", "dbus", "gnome", "windows", "macosx", "apprise", "mqtt"}


def test_nothing_of_the_address_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with HttpReceiver(answering(403), answering(403)).open() as receiver:
            channel = AppriseChannel(f"ntfy://ada:geheim@127.0.0.1:{receiver.port}/token123")
            with pytest.raises(Refused) as caught:
                await channel.send(parcel())
            assert receiver.received
            assert "geheim" not in repr(caught.value) + repr(channel) and "token123" not in repr(caught.value)

    caplog.set_level(logging.DEBUG)
    asyncio.run(main())
    said = caplog.text
    assert "geheim" not in said and "token123" not in said
