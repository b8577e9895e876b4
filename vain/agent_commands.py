"""``vain agent``."""

from __future__ import annotations

import logging
from argparse import Namespace

import vain
from vain.agent.agent import run
from vain.setting_types import Settings
from vain.terminal import Screen

SUCCESS = 0


def agent(args: Namespace, settings: Settings, screen: Screen) -> int:
    """Look at this machine and report to a server, until SIGTERM or Ctrl-C."""
    logging.basicConfig(level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    run(settings, settings.server or settings.url, vain.__version__)
    return SUCCESS
