"""``/performance/explain``: which tasks and processes used what the machine used in a window."""

from __future__ import annotations

import time
from typing import Literal

from vain.codec import encode
from vain.errors import Flaw, Malformed
from vain.explaining import Explaining
from vain.explaining.answer import Explanation
from vain.web import parameters
from vain.web.declared import Answer, Parameter, operation
from vain.web.http import Request, Response
from vain.web.services import Services
from vain.windows import seconds_of

DEFAULT_SECONDS = 600.0
DEFAULT_METRIC = "cpu.percent"


@operation(
    "explainPerformance",
    Answer(200, "Who used it.", Explanation),
    tag="performance",
    parameters=(
        *parameters.WINDOW,
        Parameter(
            "metric", parameters.Found, "What is asked about: a metric or series of the machine.", DEFAULT_METRIC
        ),
        parameters.HOST,
        Parameter("baseline_after", parameters.Moment, "Where the window begins that it is compared with."),
        Parameter("baseline_before", parameters.Moment, "Where that window ends."),
        Parameter("format", Literal["json"], "It is given as JSON only.", "json"),
    ),
    refuses=(404, 422),
)
async def show(services: Services, request: Request) -> Response:
    """The answer to "what did that?"."""
    given = request.parameters()
    if given.get("format", "json") != "json":
        detail = "It is given as json only."
        raise Malformed(f"format: {detail}", [Flaw(detail, parameter="format")])
    now = time.time()

    def moment(parameter: str) -> float | None:
        return seconds_of(given[parameter], now, parameter) if parameter in given else None

    before = moment("before")
    before = now if before is None else before
    after = moment("after")
    asked = Explaining(
        after=before - DEFAULT_SECONDS if after is None else after,
        before=before,
        metric=given.get("metric", DEFAULT_METRIC),
        baseline_after=moment("baseline_after"),
        baseline_before=moment("baseline_before"),
        host=given.get("host", ""),
    )
    return Response(encode(await services.machines.explain(asked)))
