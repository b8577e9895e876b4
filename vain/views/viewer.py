"""Who looks at a page: the role that the gate in front of it wrote into a header of the request."""

from __future__ import annotations

from urllib.parse import unquote

from bokeh.document import Document
from bokeh.server.contexts import BokehSessionContext

from vain.types import ROLES, Role

_trusted_header: str | None = None
_name_header: str | None = None


def trust(role_header: str, name_header: str) -> None:
    """Believe these headers from now on. Only for a server whose gate sets them, over whatever a client sent."""
    global _trusted_header, _name_header
    _trusted_header, _name_header = role_header, name_header


def signed_in_as(document: Document | None) -> str | None:
    """The name of the key with which the viewer signed in; None for who did not need to."""
    context = document.session_context if document is not None else None
    if _name_header is None or not isinstance(context, BokehSessionContext) or context.request is None:
        return None
    name = context.request.headers.get(_name_header)
    return unquote(name) if isinstance(name, str) and name else None


def role(document: Document | None) -> Role:
    """The role of whoever ``document`` is made for.

    Where no gate stands in front (``panel serve``, a notebook) it is the machine's own user, who may do all. Behind a
    gate, a header that is missing or says something unknown gives the weakest role.
    """
    context = document.session_context if document is not None else None
    if _trusted_header is None or not isinstance(context, BokehSessionContext):
        return "admin"
    if context.request is None:
        return "read"
    said = context.request.headers.get(_trusted_header)
    return next((known for known in ROLES if known == said), "read")
