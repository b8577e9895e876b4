"""Notifications: what a person should know, each with a link to its moment and its task."""

from vain.views.notifications import Notifications
from vain.views.page import Section, open_live, show

live = open_live()

show(live, "/alerts", "Notifications", [Section("Notifications", (Notifications(live),))])
