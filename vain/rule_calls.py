"""Rules and silences, as a client calls them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from urllib.parse import quote

import msgspec

from vain.alerting.alert import PastFiring, Recurring, ShownRule, Silence, SilenceDraft, Tested
from vain.alerting.rule import Rule
from vain.answers import Moment, written
from vain.notification import Notification
from vain.wire import Wire, query_text

RULES, SILENCES = "/rules", "/silences"


class RuleCalls:
    """The part of ``vain.Client`` that is about rules, silences and what they tell."""

    _wire: Wire

    def rules(self) -> list[ShownRule]:
        """All rules by name, each with who made it and for what it fires now."""
        return self._wire.get(list[ShownRule], RULES)

    def put_rule(self, rule: Rule) -> ShownRule:
        """Makes a rule, or replaces the one of its name: ``Rule(name="busy", metric="cpu.percent", above=95)``.

        What ``rules`` answered may be changed and put back. Raises Invalid with every flaw, and Conflict for a rule of
        the administrator's file.
        """
        return self._wire.decoded(ShownRule, self._wire.send("PUT", _path(rule.name), msgspec.json.encode(rule)))

    def delete_rule(self, name: str) -> None:
        """Forgets a rule that somebody made; one of vAIn's own that it replaced is back.

        Raises NotFound, and Conflict for a rule of the administrator's file or one of vAIn's own.
        """
        self._wire.send("DELETE", _path(name))

    def test_rule(
        self,
        rule: Rule | str,
        after: Moment | None = None,
        before: Moment | None = None,
        host: str | None = None,
    ) -> Tested:
        """When a rule (or the stored one of that name) would have fired over the stored history; without times, the
        last day.

        Of rules about tasks the stored runs are judged; that one fell silent, came late or did not come is known as far
        as notifications are kept. ``host`` is another machine than the server's.
        """
        asked = query_text({"after": written(after), "before": written(before), "host": host})
        if isinstance(rule, str):
            return self._wire.decoded(Tested, self._wire.send("GET", f"{_path(rule)}/test{asked}"))
        body = msgspec.json.encode(rule)
        return self._wire.decoded(Tested, self._wire.send("POST", f"{RULES}/test{asked}", body))

    def firings(
        self, after: Moment | None = None, before: Moment | None = None, limit: int | None = None
    ) -> list[PastFiring]:
        """When rules fired in a window, newest first, of all of them; without times, in the last day.

        What fires now has no ``until``. What was over long ago is known as far as notifications are kept.
        """
        asked = {"after": written(after), "before": written(before), "limit": limit}
        return self._wire.get(list[PastFiring], "/firings", asked)

    def silences(self) -> list[Silence]:
        """Who is not to be told, now or later."""
        return self._wire.get(list[Silence], SILENCES)

    def silence(
        self,
        rules: Collection[str] | None = None,
        subject: str | None = None,
        *,
        seconds: float | None = None,
        until: str | datetime | None = None,
        recurring: Recurring | None = None,
        comment: str = "",
    ) -> Silence:
        """Tells nobody of these rules (all, if none is named), or only not of a ``subject`` (``disk.percent:/home``).

        Exactly one of ``seconds``, ``until`` and ``recurring`` says when. What still fires at the end is told then.
        """
        named = None if rules is None else list(rules)
        draft = SilenceDraft(
            rules=named, subject=subject, until=written(until), seconds=seconds, recurring=recurring, comment=comment
        )
        return self._wire.decoded(Silence, self._wire.send("POST", SILENCES, msgspec.json.encode(draft)))

    def end_silence(self, silence_id: int) -> None:
        """Ends a silence before its time. Raises NotFound, and Conflict for one of the administrator's file."""
        self._wire.send("DELETE", f"{SILENCES}/{int(silence_id)}")

    def acknowledge(self, notification_id: int) -> Notification:
        """Somebody takes care of what a rule tells with this notification: while it fires, it is not told again.

        Raises NotFound, and Conflict if it does not fire any more.
        """
        path = f"/notifications/{int(notification_id)}"
        return self._wire.decoded(Notification, self._wire.send("PATCH", path, b'{"acknowledged":true}'))


def _path(name: str) -> str:
    return f"{RULES}/{quote(name, safe='')}"
