"""Webhooks as a receiver sees them: signed, at most as long as agreed, never led elsewhere."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import socket
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.delivery.made import notification, parcel
from tests.delivery.receivers import Answer, HttpReceiver, Received, answering, breaking, hanging
from vain.delivery import webhook
from vain.delivery.sending import Refused
from vain.delivery.webhook import Webhook, secret_key
from vain.errors import Misconfigured

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdefghijklmnopqrstuv").decode()


def sent(*answers: Answer, key: bytes | None = None, **fields: Any) -> tuple[list[Received], Refused | None]:
    """What a receiver got that answers so, and how it was taken."""

    async def main() -> tuple[list[Received], Refused | None]:
        async with HttpReceiver(*answers).open() as receiver:
            hook = Webhook(receiver.url, key, "e9c1", "alpha")
            try:
                await hook.send(parcel(notification(7, **fields)))
            except Refused as refusal:
                return receiver.received, refusal
            return receiver.received, None

    return asyncio.run(main())


def verified(secret: str, request: Received) -> bool:
    """As https://github.com/standard-webhooks/standard-webhooks describes it to receivers: nothing of ours."""
    number, seconds = request.headers["webhook-id"], request.headers["webhook-timestamp"]
    if abs(time.time() - int(seconds)) > 300:
        return False
    mac = hmac.new(base64.b64decode(secret.split("_", 1)[1]), digestmod=hashlib.sha256)
    mac.update(b".".join((number.encode(), seconds.encode(), request.body)))
    version, _, signature = request.headers["webhook-signature"].partition(",")
    return version == "v1" and hmac.compare_digest(base64.b64encode(mac.digest()).decode(), signature)


def test_a_receiver_can_verify_the_signature() -> None:
    (request,), refusal = sent(key=secret_key(SECRET))
    assert refusal is None
    assert verified(SECRET, request)
    other = "whsec_" + base64.b64encode(b"another key of thirty-two bytes!").decode()
    assert not verified(other, request)
    assert not verified(SECRET, request._replace(body=request.body.replace(b"job", b"JOB")))


def test_every_name_is_in_the_body_once_and_another_machine_is_named() -> None:
    (request,), _ = sent(host="gpu-3")
    names = [name for name, _ in json.loads(request.body, object_pairs_hook=list)]
    assert len(names) == len(set(names)), names
    assert request.fields["host"] == "gpu-3"


def test_the_body_is_the_notification_with_where_it_comes_from() -> None:
    (request,), _ = sent(url="/tasks/3", title="<b>x</b>")
    assert request.headers["content-type"] == "application/json"
    assert request.headers["webhook-id"] == "msg_e9c1_7"
    shown = {name: request.fields[name] for name in ("type", "notification_id", "title", "host", "link", "timestamp")}
    assert shown == {
        "type": "notification",
        "notification_id": 7,
        "title": "<b>x</b>",
        "host": "alpha",
        "link": "http://alpha:5006/tasks/3",
        "timestamp": "2026-01-01T12:00:00.000Z",
    }


def test_without_a_secret_nothing_is_signed() -> None:
    (request,), _ = sent()
    assert "webhook-signature" not in request.headers


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (answering(500), "it answered 500"),
        (answering(302, "Location: http://127.0.0.1:1/\r\n"), "it answered 302, and redirects are not followed"),
        (breaking, "it could not be reached, or broke the connection off"),
    ],
)
def test_what_is_no_success_is_a_refusal(answer: Answer, reason: str) -> None:
    received, refusal = sent(answer)
    assert len(received) == 1  # it is not sent a second time by itself
    assert refusal is not None and refusal.reason == reason and not refusal.is_final


def test_gone_is_final() -> None:
    _, refusal = sent(answering(410))
    assert refusal is not None and refusal.is_final


def test_a_receiver_may_ask_for_a_pause() -> None:
    _, refusal = sent(answering(429, "Retry-After: 17\r\n"))
    assert refusal is not None and refusal.pause_seconds == 17
    _, refusal = sent(answering(503, "Retry-After: 99999\r\n"))
    assert refusal is not None and refusal.pause_seconds == webhook.LONGEST_PAUSE_SECONDS


def test_an_answer_that_is_too_long_is_not_read_and_counts() -> None:
    _, refusal = sent(answering(200, body=b"x" * (webhook.LARGEST_ANSWER_BYTES + 1)))
    assert refusal is None


def test_a_receiver_that_hangs_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "ANSWER_SECONDS", 0.2)
    began = time.monotonic()
    _, refusal = sent(hanging)
    assert refusal is not None and refusal.reason == "it did not answer within 0.2 s"
    assert time.monotonic() - began < 2


def test_a_certificate_that_nobody_vouches_for_is_refused(root: Path) -> None:
    async def main() -> int:
        receiver = HttpReceiver(certificate=root / "tests/data/loopback.pem")
        async with receiver.open():
            with pytest.raises(Refused, match="its certificate could not be verified"):
                await Webhook(receiver.url, None, "e", "alpha").send(parcel())
        return len(receiver.received)

    assert asyncio.run(main()) == 0


def test_a_name_server_that_hangs_holds_up_one_thread_and_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()
    monkeypatch.setattr(webhook, "CONNECT_SECONDS", 0.1)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *of, **more: go_on.wait(10) and [])

    async def main() -> None:
        hook = Webhook("https://slow.example.org/x", None, "e", "alpha")
        for _ in range(3):
            with pytest.raises(Refused, match=r"could not be reached within 0.1 s|could not be looked up"):
                await hook.send(parcel())
        looking = [thread for thread in threading.enumerate() if thread.name == "vain-webhook-name"]
        assert len(looking) == 1
        go_on.set()
        await asyncio.sleep(0.1)

    asyncio.run(main())


def test_nobody_listens() -> None:
    async def main() -> None:
        async with HttpReceiver().open() as receiver:
            url = receiver.url
        await Webhook(url, None, "e", "alpha").send(parcel())

    with pytest.raises(Refused, match="refused the connection"):
        asyncio.run(main())


@pytest.mark.parametrize(
    ("url", "right"),
    [
        ("http://example.org/x", "https, or http on this machine"),
        ("ftp://example.org/x", "https://HOST/PATH"),
        ("https:///x", "https://HOST/PATH"),
        ("https://host:99999/", "https://HOST/PATH"),
        ("file:///etc/passwd", "https://HOST/PATH"),
    ],
)
def test_an_address_that_is_not_safe_is_refused_and_not_repeated(url: str, right: str) -> None:
    with pytest.raises(Misconfigured, match=right) as caught:
        Webhook(url, None, "e", "alpha")
    assert "example.org" not in caught.value.detail


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("0123456789abcdef", "does not begin with whsec_"),
        ("whsec_MTIz", "has 3 bytes"),
        ("whsec_" + "A" * 88, "has 66 bytes"),
        ("whsec_not base64!", "is not base64"),
    ],
)
def test_a_secret_that_is_none_is_refused_and_not_repeated(written: str, why: str) -> None:
    with pytest.raises(Misconfigured, match=why) as caught:
        secret_key(written)
    assert written not in caught.value.detail
    assert "24 to 64 random bytes" in caught.value.detail
