"""A channel: where notifications are told outside, as the administrator's file names it."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from vain.errors import Flaw, Invalid
from vain.types import Level


class ChannelForm(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Exactly one of ``webhook``, ``apprise`` and ``command``; what is of a lower ``level`` does not go there."""

    webhook: Annotated[str, Meta(max_length=2_000)] | None = None
    apprise: Annotated[str, Meta(max_length=2_000)] | None = None
    command: Annotated[list[str], Meta(min_length=1, max_length=100)] | None = None
    """The program and its arguments. No shell reads them."""
    level: Level = "warning"
    group_for: Annotated[float, Meta(ge=0, le=3_600)] | None = None
    """What comes within so many seconds after the first is one message; None: 30 for Apprise, else 0."""
    secret: Annotated[str, Meta(max_length=200)] | None = None
    """What a webhook is signed with, ``whsec_…``; None: ``VAIN_WEBHOOK_SECRET``."""

    def __repr__(self) -> str:
        """Without addresses and secrets, so that no log and no traceback shows them."""
        return f"ChannelForm({self.kind})"

    @property
    def kind(self) -> str:
        """Which of the three it is."""
        return "webhook" if self.webhook is not None else "apprise" if self.apprise is not None else "command"


def checked_channel(form: ChannelForm) -> ChannelForm:
    """The form, if exactly one way is given. Raises Invalid with the pointers."""
    given = [name for name in ("webhook", "apprise", "command") if getattr(form, name) is not None]
    if not given:
        raise Invalid("One of webhook, apprise and command is expected.", [Flaw("It is missing.", pointer="")])
    flaws = [Flaw(f"Not together with {given[0]}.", pointer=f"/{name}") for name in given[1:]]
    if form.secret is not None and form.webhook is None:
        flaws.append(Flaw("Only together with webhook.", pointer="/secret"))
    if flaws:
        raise Invalid(f"{(flaws[0].pointer or '').lstrip('/')}: {flaws[0].detail}", flaws)
    return form
