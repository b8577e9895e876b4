"""``/rules``: what is watched for, and what a rule would have told; ``/firings``: when rules fired."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Annotated
from urllib.parse import unquote

from msgspec import Meta

from vain.alarms import MOST_FIRINGS
from vain.alerting.alert import GivenRule, PastFiring, ShownRule, Tested
from vain.alerting.rule import Rule, checked
from vain.clock import utc
from vain.codec import encode, received
from vain.errors import Flaw, Invalid, Malformed
from vain.rehearsal import LONGEST_SECONDS
from vain.rulebook import Owned
from vain.web import parameters
from vain.web.declared import Answer, Parameter, operation
from vain.web.http import Request, Response, whole_number
from vain.web.preconditions import weak_tag
from vain.web.services import Services
from vain.windows import seconds_of

DEFAULT_SECONDS = 86_400.0
LARGEST_LIMIT = 1_000


@operation(
    "listRules",
    Answer(200, "All rules, by name.", list[ShownRule], headers=("ETag",)),
    parameters.NOT_MODIFIED,
    tag="rules",
    headers=(parameters.IF_NONE_MATCH,),
)
async def list_rules(services: Services, request: Request) -> Response:
    """Every rule, who made it, and for what it fires now."""
    request.parameters()
    alerts = await services.alarms.alerts()
    body = encode([owned.shown(alerts) for owned in services.rulebook.rules()])
    return Response(body, headers={"ETag": weak_tag(body)})


@operation("showRule", Answer(200, "The rule.", ShownRule), tag="rules", refuses=(404,))
async def show_rule(services: Services, request: Request, name: str) -> Response:
    """One rule."""
    request.parameters()
    return await _answer(services, services.rulebook.find(_name(name)))


@operation(
    "createRule", Answer(201, "The rule that was made.", ShownRule, headers=("Location",)), tag="rules", body=GivenRule,
    refuses=(409,),
)  # fmt: skip
async def create_rule(services: Services, request: Request) -> Response:
    """A new rule. It is judged from the next sample on, and kept over restarts."""
    request.parameters()
    rule = received(GivenRule, request.body).rule
    return await _answer(
        services, await services.rulebook.put(rule, is_new=True), 201, {"Location": f"/rules/{rule.name}"}
    )


@operation("putRule", Answer(200, "The rule.", ShownRule), tag="rules", body=GivenRule, refuses=(409,))
async def put_rule(services: Services, request: Request, name: str) -> Response:
    """Make or replace a rule. While it asks the same, it keeps what it has counted, and an alert goes on."""
    request.parameters()
    rule = received(GivenRule, request.body).rule
    if rule.name != _name(name):
        detail = "The name in the address is expected."
        raise Invalid(f"name: {detail}", [Flaw(detail, pointer="/name")])
    return await _answer(services, await services.rulebook.put(rule))


@operation(
    "deleteRule", Answer(204, "It is gone; one of ours that it replaced is back."), tag="rules", refuses=(404, 409)
)
async def delete_rule(services: Services, request: Request, name: str) -> Response:
    """Forget a rule that somebody made."""
    request.parameters()
    await services.rulebook.drop(_name(name))
    return Response(b"", status=204)


@operation(
    "testStoredRule", Answer(200, "When it would have fired.", Tested), tag="rules",
    parameters=(*parameters.WINDOW, parameters.HOST), refuses=(404, 422),
)  # fmt: skip
async def test_stored(services: Services, request: Request, name: str) -> Response:
    """What a rule would have told over the stored history: the last day, if no window is given."""
    rule = services.rulebook.find(_name(name)).rule
    return await _tested(services, request, rule)


@operation(
    "testRule", Answer(200, "When it would have fired.", Tested), tag="rules",
    parameters=(*parameters.WINDOW, parameters.HOST), body=GivenRule, refuses=(404,),
)  # fmt: skip
async def test_given(services: Services, request: Request) -> Response:
    """The same of a rule that is not stored."""
    return await _tested(services, request, checked(received(GivenRule, request.body).rule))


@operation(
    "listFirings", Answer(200, "The newest of them, newest first.", list[PastFiring]), tag="rules",
    parameters=(
        *parameters.WINDOW,
        Parameter("limit", Annotated[int, Meta(ge=1, le=LARGEST_LIMIT)], "How many at most.", MOST_FIRINGS),
    ),
)  # fmt: skip
async def list_firings(services: Services, request: Request) -> Response:
    """When rules fired, of all of them: in the last day, if no window is given. What fires now has no ``until``."""
    given = request.parameters()
    limit = whole_number(given, "limit", MOST_FIRINGS, 1, LARGEST_LIMIT)
    return Response(encode(await services.alarms.firings(*_window(given, time.time()), limit)))


async def _tested(services: Services, request: Request, rule: Rule) -> Response:
    given = request.parameters()
    after, before = _window(given, time.time())
    if before > after + LONGEST_SECONDS:
        raise _bad_begin(f"A time at most {LONGEST_SECONDS / 86_400:.0f} days before the end is expected.")
    found = await services.machines.rehearse(rule, after, before, given.get("host", ""))
    return Response(encode(Tested(rule, utc(after), utc(before), found.step_seconds, found.firings)))


def _window(given: Mapping[str, str], now: float) -> tuple[float, float]:
    before = seconds_of(given["before"], now, "before") if "before" in given else now
    after = seconds_of(given["after"], now, "after") if "after" in given else max(0.0, before - DEFAULT_SECONDS)
    if not after < before:
        raise _bad_begin("A time before the end is expected.")
    return after, before


def _bad_begin(detail: str) -> Malformed:
    return Malformed(f"after: {detail}", [Flaw(detail, parameter="after")])


async def _answer(
    services: Services, owned: Owned, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    return Response(encode(owned.shown(await services.alarms.alerts())), status=status, headers=headers or {})


def _name(segment: str) -> str:
    return unquote(segment, errors="replace")
