"""Notifications: what fires now, what a person should know, each with a link to its moment and its task."""

from vain.views.firing_now import FiringNow
from vain.views.notifications import Notifications
from vain.views.page import Section, open_live, show
from vain.views.rules import Rules
from vain.views.watched import Watched

live = open_live()
watched = Watched(live)

show(
    live,
    "/alerts",
    "Notifications",
    [
        Section("Firing now", (FiringNow(watched),), anchor="firing"),
        Section("Notifications", (Notifications(live),)),
        Section("Rules", (Rules(watched),), anchor="rules"),
    ],
)
