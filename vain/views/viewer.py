"""Who looks at a page: the role that the gate in front of it wrote into a header of the request."""

from __future__ import annotations

from bokeh.document import Document
from bokeh.server.contexts import BokehSessionContext

from vain.types import ROLES, Role

_trusted_header: str | None = None


def trust(header: str) -> None:
    """Believe this header from now on. Only for a server whose gate sets it, over whatever a client sent."""
    global _trusted_header
    _trusted_header = header


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
