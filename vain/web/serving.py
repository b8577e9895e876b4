"""A server for as long as its process lives: signals, the browser, and a new server where the old one knows nothing."""

from __future__ import annotations

import asyncio
import logging
import signal
import webbrowser
from dataclasses import replace

from vain.setting_types import Settings
from vain.web.server import DashboardLoader, Server

logger = logging.getLogger(__name__)


async def serve(settings: Settings, dashboard: DashboardLoader | None) -> None:
    """Run the server until SIGTERM or SIGINT, then drain it: what was begun is answered, nothing new is taken.

    Raises Misconfigured, StoreLocked or StoreDamaged when it cannot start.
    """
    woken, is_stopping = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def stop_once(number: int) -> None:
        is_stopping.set()
        woken.set()
        loop.remove_signal_handler(number)

    is_first = True
    while not is_stopping.is_set():
        woken.clear()
        server = Server(settings, dashboard, begin_anew=woken.set)
        await server.start()
        try:
            if is_first:
                for number in (signal.SIGTERM, signal.SIGINT):
                    # A second signal ends the process at once.
                    loop.add_signal_handler(number, stop_once, number)
                print(f"vAIn is at {server.url}", flush=True)  # noqa: T201
                if not settings.no_browser and dashboard is not None:
                    loop.run_in_executor(None, _open_browser, server.url)
            is_first = False
            settings = replace(settings, port=server.port)  # which the system may have chosen
            await woken.wait()
            if not is_stopping.is_set():
                logger.warning("The database is another one than before: everything begins anew")
        finally:
            await server.stop()


def _open_browser(url: str) -> None:
    """Show the dashboard, where there is a screen: a browser for text would take over the terminal."""
    try:
        browser = webbrowser.get()
    except webbrowser.Error:
        return
    if type(browser) is not webbrowser.GenericBrowser:
        browser.open(url)
