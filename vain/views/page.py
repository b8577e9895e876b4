"""The frame of every page: header, sections in a grid, footer. A file in ``app/`` says what goes into it.

``show`` puts each view into the document as a root of its own and leaves their arrangement to the template, where CSS
does it: fewer models to build and to send than with Panel's layouts.
"""

from __future__ import annotations

from collections.abc import Iterable
from threading import Thread
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import panel as pn
from bokeh.document import Document
from bokeh.models import LayoutDOM, Plot
from bokeh.models.annotations import Title
from bokeh.models.ui import UIElement

from vain import source
from vain.client import Client
from vain.errors import Invalid, NotFound
from vain.remote import RemoteSource
from vain.views import theme, viewer
from vain.views.address import argument
from vain.views.attention import Attention
from vain.views.bell import Bell
from vain.views.host_choice import HostChoice
from vain.views.live import Live
from vain.views.own import OwnUse
from vain.views.text import asset, edition, template
from vain.views.toasts import Toasts

NAVIGATION: Final = (
    ("/", "Timeline"),
    ("/board", "Board"),
    ("/flow", "Flow"),
    ("/machine", "Machine"),
    ("/fleet", "Hosts"),
    ("/alerts", "Notifications"),
    ("/settings", "Settings"),
)
OF_A_HOST: Final = ("/", "/machine")
"""The pages that show any machine: ``?host=NAME``."""
SCRIPTS: Final = ("theme.js", "renew.js", "header.js", "search.js", "keys.js")
KEYS: Final = (
    ("/", "Search"),
    ("g, letter", "Go to (t) Timeline, (b) Board, (f) Flow, (m) Machine, (h) Hosts, (n) Notifications, (s) Settings"),
    ("?", "Show these keys"),
    ("Esc", "Close"),
)
"""The keys of every page. A page adds its own in its script: ``window.vainKeys = [["+", "Nearer"], ...]``."""

Width = Literal["full", "half", "third", "two-thirds"]
View: TypeAlias = pn.viewable.Viewer | pn.viewable.Viewable | UIElement


class Section(NamedTuple):
    """A panel of the page: its heading (``""``: the views speak for themselves), its views, its share of the width."""

    title: str
    views: tuple[View, ...]
    width: Width = "full"
    bare: bool = False
    """Without the panel's own ground, for views that bring theirs."""
    anchor: str = ""
    tools: tuple[View, ...] = ()
    """Views that stand beside the heading."""
    columns: int = 1
    """How many views stand beside each other, where the page is wide."""
    tight: bool = False
    """Without room between the views, which are parts of one picture."""


def open_live(of_any_host: bool = False) -> Live:
    """The ``Live`` of the session that a page is being built for, with the viewer's role.

    In the server the source is its own; under ``panel serve`` it is the server that ``VAIN_URL`` names. With
    ``of_any_host`` it is about the machine that the address names (``?host=NAME``), if an agent has reported of it.
    """
    own, role = source.current(or_else=lambda: RemoteSource(Client())), viewer.role(pn.state.curdoc)
    asked = (argument("host") or "") if of_any_host else ""
    if asked in ("", own.host):
        return Live(own, role).start()
    try:
        other = own.of(asked)
    except (NotFound, Invalid):
        return Live(own, role, unknown_host=asked).start()
    if isinstance(other, RemoteSource):
        _close_with_session(other)
    return Live(other, role, elsewhere=asked).start()


def _close_with_session(other: RemoteSource) -> None:
    """To close it waits for a thread, which the loop must not."""
    document = pn.state.curdoc
    if document is not None and document.session_context is not None:
        document.on_session_destroyed(lambda _context: Thread(target=other.close, daemon=True).start())


def show(live: Live, path: str, title: str, sections: Iterable[Section]) -> None:
    """Makes the current document the page at ``path``. Of a host that nobody knows it says so, and nothing else."""
    # Panel would add a root of its own that no template places.
    pn.config.browser_info = False
    document = pn.state.curdoc or Document()
    live.send_declared()
    # Bokeh goes over the whole document after each root unless it is told to wait: half a second of the loop.
    with document.models.freeze():
        placed = () if live.unknown_host else sections
        frame = [_placed(section, index, document) for index, section in enumerate(placed)]
        bell, own = _add(Bell(live), document, "bell"), _add(OwnUse(live), document, "own")
        attention = _add(Attention(live), document, "attention")
        toasts = _add(Toasts(live), document, "toasts")
        hosts = _add(HostChoice(live), document, "hosts")
    document.title = f"{title} · {live.source.host} · vAIn"
    document.template = template("page.html")
    document.template_variables.update(
        style=theme.css() + asset("vain.css"),
        script="\n".join(map(asset, SCRIPTS)),
        host=live.source.host,
        period_seconds=live.source.period_seconds,
        edition=edition(),
        documentation=_documentation(live.source),
        path=path,
        navigation=NAVIGATION,
        of_a_host=OF_A_HOST,
        elsewhere=live.elsewhere,
        unknown_host=live.unknown_host,
        sections=frame,
        role=live.role,
        signed_in_as=viewer.signed_in_as(document),
        bell=bell,
        own=own,
        attention=attention,
        toasts=toasts,
        hosts=hosts,
        keys=KEYS,
        names=_names(document),
    )


def _documentation(shown: source.Source) -> str:
    """Where the guides are: beside the page, or on the server that a page elsewhere shows."""
    return f"{shown.client.url}/docs" if isinstance(shown, RemoteSource) else "docs"


def _placed(section: Section, index: int, document: Document) -> dict[str, Any]:
    names = [_add(view, document, f"section-{index}-{number}") for number, view in enumerate(section.views)]
    tools = [_add(view, document, f"tool-{index}-{number}") for number, view in enumerate(section.tools)]
    return {**section._asdict(), "views": names, "tools": tools, "heading": f"heading-{index}"}


def _names(document: Document) -> dict[str, str]:
    """What each figure among the roots shows, by the root's name: a canvas says nothing by itself."""
    return {root.name: _title(root) for root in document.roots if isinstance(root, Plot) and root.name}


def _title(plot: Plot) -> str:
    """The figure's title; where it has none, the place it stands in speaks for it."""
    return (plot.title.text if isinstance(plot.title, Title) and isinstance(plot.title.text, str) else "") or "Chart"


def _add(view: View, document: Document, name: str) -> str:
    """Puts one view into the document under ``name``, by which the template finds it."""
    before = len(document.roots)
    if isinstance(view, UIElement):
        document.add_root(view)
    else:
        shown = view if isinstance(view, pn.viewable.Viewable) else view.__panel__()
        shown.server_doc(document, location=False)
    root = document.roots[before]
    root.name = name
    if isinstance(root, LayoutDOM) and root.sizing_mode is None:
        root.sizing_mode = "stretch_width"
    return name
