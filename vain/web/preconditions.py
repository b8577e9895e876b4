"""Conditional requests (RFC 9110, section 13): answered or done only if something has changed, or has not."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable
from hashlib import blake2b
from typing import NamedTuple

from vain.errors import PreconditionFailed
from vain.web.http import Headers, Response

_LISTED = re.compile(r'[ \t]*(?:(?P<weak>W/)?(?P<tag>"[\x21\x23-\x7e\x80-\xff]*"))?[ \t]*(?:,|$)')
_OF_TASK = re.compile(r'"(?P<task_id>\d{1,16})-(?P<version>\d{1,16})"', re.ASCII)


class EntityTag(NamedTuple):
    """One of a list: in its quotes, and whether it is weak."""

    tag: str
    weak: bool = False


class EveryVersion:
    """``*``: whatever there is."""

    def __contains__(self, version: object) -> bool:
        return True


class Versions:
    """The versions that a change may meet: one that ``If-Match`` names, and none that ``If-None-Match`` names."""

    def __init__(self, named: Container[int], excluded: Container[int]) -> None:
        self._named, self._excluded = named, excluded

    def __contains__(self, version: object) -> bool:
        return version in self._named and version not in self._excluded


_EVERY = EveryVersion()


def versions(headers: Headers, task_id: int) -> Container[int] | None:
    """At which versions a task may be changed by this request; None: at any.

    ``If-Match`` compares strongly: a weak tag matches nothing, nor does one that cannot be read, or of another task.
    """
    match, none_match = headers.get("If-Match"), headers.get("If-None-Match")
    if match is None and none_match is None:
        return None
    named = _EVERY if match is None else _versions(match, task_id, weak_too=False)
    excluded = frozenset[int]() if none_match is None else _versions(none_match, task_id, weak_too=True)
    return Versions(named, excluded)


def conditional(headers: Headers, response: Response) -> Response:
    """The answer to a GET or HEAD, or in its place 304 when the client has it. Raises PreconditionFailed."""
    tag = response.headers.get("ETag")
    if tag is None or response.status != 200:
        return response
    none_match, match = headers.get("If-None-Match"), headers.get("If-Match")
    if match is not None and not _strongly(match, tag):
        raise PreconditionFailed("What is asked for is no longer what If-Match names.")
    if none_match is None or not _weakly(none_match, tag):
        return response
    return Response(status=304, headers=response.headers)


def entity_tags(text: str) -> list[EntityTag] | None:
    """The tags of a list; None if it cannot be read."""
    tags, position = [], 0
    while position < len(text):
        found = _LISTED.match(text, position)
        if found is None or found.end() == position:
            return None
        if found["tag"] is not None:
            tags.append(EntityTag(found["tag"], found["weak"] is not None))
        position = found.end()
    return tags


def weak_tag(*parts: bytes) -> str:
    """A weak tag of what is shown: the same for the same content."""
    digest = blake2b(digest_size=12)
    for part in parts:
        digest.update(part)
    return f'W/"{digest.hexdigest()}"'


def _versions(text: str, task_id: int, weak_too: bool) -> Container[int]:
    if text.strip() == "*":
        return _EVERY
    listed: Iterable[EntityTag] = entity_tags(text) or ()
    found = (_OF_TASK.fullmatch(each.tag) for each in listed if weak_too or not each.weak)
    return frozenset(int(tag["version"]) for tag in found if tag and int(tag["task_id"]) == task_id)


def _strongly(text: str, tag: str) -> bool:
    return text.strip() == "*" or EntityTag(tag) in (entity_tags(text) or ())


def _weakly(text: str, tag: str) -> bool:
    opaque = tag.removeprefix("W/")
    return text.strip() == "*" or any(each.tag == opaque for each in entity_tags(text) or ())
