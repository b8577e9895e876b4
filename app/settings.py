"""Settings: what this server is set to, how to connect, and what this browser remembers."""

from vain.views.page import Section, open_live, show
from vain.views.settings import SettingsParts

live = open_live()
parts = SettingsParts(live)

show(
    live,
    "/settings",
    "Settings",
    [
        Section("How to connect", (parts.connect,), "half"),
        Section("History", (parts.history,), "half"),
        Section("This server", (parts.server,), "half"),
        Section("This browser", (parts.personal,), "half"),
        Section("Keys", (parts.keys, parts.key_commands)),
        Section("When you are notified", (parts.rules,)),
    ],
)
