"""The values of a query's parameters as what they mean. Each raises Malformed that names the parameter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from vain.errors import Flaw, Malformed

T = TypeVar("T", bound=str)

_FLAGS = {"true": True, "false": False}


def one_of(given: Mapping[str, str], parameter: str, known: tuple[T, ...]) -> T | None:
    """One of these words."""
    text = given.get(parameter)
    found = next((each for each in known if each == text), None)
    if text is not None and found is None:
        raise malformed(parameter, f"One of {', '.join(known)} is expected.")
    return found


def any_of(given: Mapping[str, str], parameter: str, known: tuple[T, ...]) -> tuple[T, ...]:
    """Some of these words, with commas between; in the order in which they are known, so that equal ones are equal."""
    if parameter not in given:
        return ()
    words = given[parameter].split(",")
    if not set(words) <= set(known):
        raise malformed(parameter, f"One of {', '.join(known)} is expected, or several with commas between.")
    return tuple(each for each in known if each in words)


def several(given: Mapping[str, str], parameter: str, longest: int, most: int) -> tuple[str, ...]:
    """At most so many texts of 1 to ``longest`` characters, with commas between; in one order, so that equal ones are
    equal."""
    if parameter not in given:
        return ()
    texts = given[parameter].split(",")
    if len(texts) > most or not all(0 < len(text) <= longest for text in texts):
        raise malformed(parameter, f"1 to {longest} characters are expected; of several, up to {most}, commas between.")
    return tuple(sorted(set(texts)))


def flag(given: Mapping[str, str], parameter: str) -> bool | None:
    """True or false."""
    text = given.get(parameter)
    if text is None:
        return None
    if text not in _FLAGS:
        raise malformed(parameter, "true or false is expected.")
    return _FLAGS[text]


def text(given: Mapping[str, str], parameter: str, longest: int) -> str | None:
    """Text of 1 to ``longest`` characters."""
    found = given.get(parameter)
    if found is not None and not 0 < len(found) <= longest:
        raise malformed(parameter, f"1 to {longest} characters are expected.")
    return found


def malformed(parameter: str, detail: str) -> Malformed:
    """What is wrong with the value of a parameter."""
    return Malformed(f"{parameter}: {detail}", [Flaw(detail, parameter=parameter)])
