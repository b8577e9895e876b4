"""The timeline: tasks above the machine that they run on, on one time axis, and what did what."""

from vain.views.cards import MACHINE, WORK, Cards
from vain.views.explainer import Explainer
from vain.views.page import Section, open_live, show
from vain.views.range import RangeChoice
from vain.views.timeline import Timeline
from vain.views.tracks import tracks

live = open_live(of_any_host=True)
charts = tracks(live)

show(
    live,
    "/",
    "Timeline",
    [
        Section("", (Cards(live, MACHINE if live.elsewhere else WORK),), bare=True),
        Section("Timeline", (Timeline(charts), *charts.figures.values()), tools=(RangeChoice(charts),), tight=True),
        Section("", (Explainer(live),), anchor="explain"),
    ],
)
