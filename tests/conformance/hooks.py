"""What schemathesis is told of vAIn: times that it takes, and a header that every server reads over."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import schemathesis
from hypothesis import strategies
from hypothesis.strategies import SearchStrategy

FIRST, LAST = datetime(1970, 1, 2), datetime(9998, 12, 30)  # noqa: DTZ001  (the offset is drawn)
"""vAIn takes times from 1970 to 9998; the schema's ``date-time`` knows no bounds."""
OFFSETS = ("Z", "+00:00", "+05:30", "-11:00")


def times() -> SearchStrategy[str]:
    """RFC 3339 times."""
    moments = strategies.datetimes(FIRST, LAST).map(lambda moment: moment.isoformat())
    return strategies.builds(lambda moment, offset: moment + offset, moments, strategies.sampled_from(OFFSETS))


schemathesis.openapi.format("date-time", times())


@schemathesis.hook
def filter_case(context: Any, case: Any) -> bool:
    """A header that nobody declared is no mistake: proxies and browsers send dozens."""
    return "x-schemathesis-unknown-property" not in (case.headers or {})
