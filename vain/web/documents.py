"""``/openapi.json``, ``/asyncapi.json`` and ``/docs``: what there is, and how it is used.

They are public: they say the same on every server, and who has no key yet reads there how to get one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vain.errors import NotFound
from vain.web import parameters
from vain.web.declared import Answer, operation
from vain.web.headers import SECURITY_HEADERS
from vain.web.http import Request, Response
from vain.web.library import Work
from vain.web.services import Services

_CACHED = {"Cache-Control": "no-cache"}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
_PAGE = {**SECURITY_HEADERS["page"], **_CACHED, "Content-Security-Policy": _POLICY}


@operation(
    "showOpenapi",
    Answer(200, "This document.", dict[str, Any], headers=("ETag",)),
    parameters.NOT_MODIFIED,
    tag="server",
    headers=(parameters.IF_NONE_MATCH,),
)
async def show_openapi(services: Services, request: Request) -> Response:
    """The REST interface, as OpenAPI 3.1."""
    request.parameters()
    return _answer(await services.library.openapi(), _CACHED)


@operation(
    "showAsyncapi",
    Answer(200, "The document.", dict[str, Any], headers=("ETag",)),
    parameters.NOT_MODIFIED,
    tag="server",
    headers=(parameters.IF_NONE_MATCH,),
)
async def show_asyncapi(services: Services, request: Request) -> Response:
    """The stream of events, as AsyncAPI 3."""
    request.parameters()
    return _answer(await services.library.asyncapi(), _CACHED)


@operation("showDocs", tag="server", hidden=True)
async def show_home(services: Services, request: Request) -> Response:
    """The first page of the documentation."""
    return await show_page(services, request, "")


@operation("showDocsPage", tag="server", hidden=True)
async def show_page(services: Services, request: Request, page: str) -> Response:
    """A page of the documentation, or a file that it needs."""
    work = (await services.library.pages()).get(page)
    if work is None:
        raise NotFound("There is no such page.")
    return _answer(work, _PAGE)


def _answer(work: Work, headers: Mapping[str, str]) -> Response:
    return Response(work.body, content_type=work.content_type, headers={**headers, "ETag": work.tag})
