"""Channels as the administrator names them, as what sends. Only a file or the command line says what goes where."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from vain.alerting.channel import ChannelForm
from vain.delivery.apprise_channel import AppriseChannel, checked_scheme
from vain.delivery.command import Command
from vain.delivery.sending import Sender
from vain.delivery.webhook import Webhook, checked_address, secret_key
from vain.errors import Misconfigured
from vain.settings import outside_environment

GROUP_SECONDS = 30.0
"""Of a channel that takes many at once, if it says nothing else."""


class Surroundings(Struct, frozen=True):
    """What a sender needs to know of this server. ``secret`` is as it is written down: ``whsec_…``."""

    epoch: str
    host: str
    secret: str | None

    def __repr__(self) -> str:
        """Without the secret, so that no log and no traceback shows it."""
        return f"Surroundings({self.epoch!r}, {self.host!r}, secret={'set' if self.secret else None})"


def check_channel(name: str, form: ChannelForm) -> None:
    """Whether it can be used, as far as that is known without Apprise. Raises Misconfigured, naming the channel."""
    try:
        if form.webhook is not None:
            checked_address(form.webhook)
        if form.apprise is not None:
            checked_scheme(form.apprise)
        elif form.group_for:
            raise Misconfigured("group_for is for Apprise: a webhook and a command get each notification by itself.")
    except Misconfigured as error:
        raise Misconfigured(f"channels.{name}: {error.detail}") from None


def sender_of(name: str, form: ChannelForm, surroundings: Surroundings) -> Sender:
    """What sends for a channel. Raises Misconfigured, naming the channel and no secret."""
    check_channel(name, form)
    try:
        if form.webhook is not None:
            written = form.secret or surroundings.secret
            called = f"The secret of channel {name}" if form.secret else "VAIN_WEBHOOK_SECRET"
            key = None if written is None else secret_key(written, called)
            return Webhook(form.webhook, key, surroundings.epoch, surroundings.host)
        if form.apprise is not None:
            return AppriseChannel(form.apprise)
    except Misconfigured as error:
        raise Misconfigured(f"channels.{name}: {error.detail}") from None
    return Command(form.command or [], outside_environment(), surroundings.host)


def senders(channels: Mapping[str, ChannelForm], surroundings: Surroundings) -> dict[str, Sender]:
    """What sends for each. Raises Misconfigured."""
    return {name: sender_of(name, form, surroundings) for name, form in channels.items()}
