"""The overview: the machine now, its last minutes, the tasks, and what should be known."""

from vain.views.board import Board
from vain.views.cards import Cards
from vain.views.charts import Charts
from vain.views.completion import Completion
from vain.views.notifications import Notifications
from vain.views.page import Section, open_live, show
from vain.views.range import RangeChoice

live = open_live()
charts = Charts(live)

show(
    live,
    "/",
    "Overview",
    [
        Section("", (Cards(live),), bare=True),
        Section("Activity", tuple(charts.figures.values()), tools=(RangeChoice(charts),), columns=2),
        Section("Tasks", (Board(live),)),
        Section("Completion", (Completion(live, charts.lookback),), "half"),
        Section("Notifications", (Notifications(live),), "half", anchor="notifications"),
    ],
)
