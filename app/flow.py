"""How the work flows: throughput, cycle times, what ages, and when all will be done."""

from vain.views.flow import MACHINE, TASKS, Flow
from vain.views.flow_wanted import from_address
from vain.views.page import Section, open_live, show

live = open_live()
flow = Flow(live, from_address())

show(
    live,
    "/flow",
    "Flow",
    [
        Section("", (flow.bar,)),
        *(Section(plan.title, flow.charts[plan.chart].views, "half", anchor=plan.chart) for plan in (*TASKS, *MACHINE)),
    ],
)
