"""Which form an answer takes: ``format`` before ``Accept``, and of that what is most welcome."""

from __future__ import annotations

import pytest

from vain.errors import Malformed, NotAcceptable
from vain.web.negotiation import chosen
from vain.web.task_forms import FORMS

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"


@pytest.mark.parametrize(("accept", "form"), [
    (None, "json"), ("", "json"), (" ", "json"), ("*/*", "json"), ("application/json", "json"), (BROWSER, "json"),
    ("text/csv", "csv"), ("TEXT/CSV", "csv"), ("text/*", "csv"), ("application/x-ndjson", "ndjson"),
    ("application/vnd.apache.parquet", "parquet"), ("text/csv;charset=utf-8", "csv"),
    ("text/csv;q=0.2, application/json;q=0.1", "csv"), ("application/json;q=0.1, text/csv;q=0.2", "csv"),
    ("text/csv, application/json", "json"), ("text/csv;q=0.5, */*;q=0.1", "csv"),
    ("application/*;q=0.1, text/csv", "csv"),
    ("application/json;q=0, */*", "ndjson"), ("*/*;q=0.5, application/json;q=0.1", "ndjson"),
    ("image/png, text/csv", "csv"),
    ("text/csv; q=0.5 , application/json ; q = 0.4", "csv"), ("nonsense, text/csv", "csv"),
])  # fmt: skip
def test_the_most_welcome_form_is_taken_and_of_equals_the_usual_one(accept: str | None, form: str) -> None:
    assert chosen(None, accept, FORMS) == form


@pytest.mark.parametrize("accept", [
    "image/png", "text/html", "application/json;q=0", "*/*;q=0", "text/csv;q=0, image/*", "nonsense", "text/csv;q=x",
    "text/csv;q=2", "text/csv;q=nan", "/", ";q=1", ",",
])  # fmt: skip
def test_what_takes_none_of_them_is_refused(accept: str) -> None:
    with pytest.raises(NotAcceptable, match="json, ndjson, csv, parquet"):
        chosen(None, accept, FORMS)


def test_a_format_goes_before_the_header_and_is_one_of_those_there_are() -> None:
    assert chosen("csv", "application/json", FORMS) == "csv"
    with pytest.raises(Malformed) as caught:
        chosen("xml", "text/csv", FORMS)
    assert caught.value.flaws[0].parameter == "format"
