"""Schemas say what the types say: which fields there are, which always come, and what is written about them."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Raw, Struct, UnsetType, defstruct

from vain.web.schemas import markdown, schemas


class Inner(Struct, frozen=True):
    """What lies within; ``None`` where it is not known."""

    level: Literal["low", "high"] = "low"


class Sent(Struct, frozen=True, rename={"own": "self"}):
    """What is sent."""

    own: list[Inner]
    """One for each."""
    seconds: float | None = None


class Later(Sent, frozen=True):
    """With more."""

    more: int | UnsetType = UNSET
    """Not always there."""


class Taken(Struct, frozen=True, forbid_unknown_fields=True):
    """What is taken."""

    name: Annotated[str, Meta(max_length=3)]
    made_at: Raw | UnsetType = UNSET
    size: int = 1


def test_what_is_sent_has_every_field_and_no_default() -> None:
    (found,), known = schemas([list[Sent]])
    assert found == {"type": "array", "items": {"$ref": "#/components/schemas/Sent"}}
    sent = known["Sent"]
    assert sent["required"] == ["self", "seconds"] and "default" not in sent["properties"]["seconds"]
    assert sent["properties"]["self"]["description"] == "One for each."
    assert known["Inner"]["description"] == "What lies within; `null` where it is not known."


def test_what_may_be_left_out_is_not_required_and_inherits_what_is_said() -> None:
    _, known = schemas([Later])
    assert known["Later"]["required"] == ["self"]
    assert known["Later"]["properties"]["self"]["description"] == "One for each."
    assert known["Later"]["properties"]["more"]["description"] == "Not always there."


def test_what_is_taken_keeps_its_bounds_and_defaults() -> None:
    taken = schemas([Taken])[1]["Taken"]
    assert taken["required"] == ["name"] and taken["additionalProperties"] is False
    assert taken["properties"]["name"] == {"type": "string", "maxLength": 3}
    assert taken["properties"]["size"]["default"] == 1
    assert taken["properties"]["made_at"] == {"description": "The server's own: in a body it is read over."}


def test_a_type_without_source_has_a_schema_too() -> None:
    made = defstruct("Made", [("number", int)])
    assert schemas([made])[1]["Made"]["properties"] == {"number": {"type": "integer"}}


def test_a_docstring_reads_as_markdown() -> None:
    assert markdown("One ``x``,\n    None\n    or two.") == "One `x`, null or two."
