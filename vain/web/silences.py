"""``/silences``: who is not to be told now."""

from __future__ import annotations

from vain.alerting.alert import Silence, SilenceDraft
from vain.codec import encode, received
from vain.web.declared import Answer, operation
from vain.web.http import Request, Response
from vain.web.services import Services


@operation("listSilences", Answer(200, "The silences.", list[Silence]), tag="rules")
async def list_silences(services: Services, request: Request) -> Response:
    """Those that hold now or later, those of the administrator's file first."""
    request.parameters()
    return Response(encode(services.silences.all()))


@operation(
    "silence", Answer(201, "The silence.", Silence, headers=("Location",)), tag="rules", body=SilenceDraft,
    refuses=(409,),
)  # fmt: skip
async def silence(services: Services, request: Request) -> Response:
    """Tell nobody, for a time or in a window that comes again. What still fires at its end is told then."""
    request.parameters()
    made = await services.silences.add(received(SilenceDraft, request.body))
    return Response(encode(made), status=201, headers={"Location": f"/silences/{made.silence_id}"})


@operation("endSilence", Answer(204, "It is over."), tag="rules", refuses=(409,))
async def end_silence(services: Services, request: Request, silence_id: int) -> Response:
    """End a silence before its time."""
    request.parameters()
    await services.silences.end(silence_id)
    return Response(b"", status=204)
