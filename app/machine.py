"""The machine: what it does now, who does it, how it went, and what it is made of."""

from vain.views.cards import Cards
from vain.views.charts import Charts
from vain.views.machine import Machine
from vain.views.page import Section, open_live, show
from vain.views.range import RangeChoice

live = open_live(of_any_host=True)
charts = Charts(live, height_pixels=300)
parts = Machine(live)

show(
    live,
    "/machine",
    "Machine",
    [
        Section("", (Cards(live),), bare=True),
        Section("Cores", (parts.heat, parts.cores)),
        Section("Processes", (parts.processes,)),
        Section("Activity", tuple(charts.figures.values()), tools=(RangeChoice(charts),), columns=2),
        Section("Disk space", (parts.disks,), "half"),
        Section("Disk devices", (parts.devices,), "half"),
        Section("Network interfaces", (parts.interfaces,), "half"),
        Section("Pressure (last 10 s) and limits", (parts.limits,), "half"),
        Section("Temperatures", (parts.sensors,), "half"),
        Section("GPUs", (parts.gpus,), "half"),
        Section("What the agent costs", (parts.own,), "half")
        if live.elsewhere
        else Section("What vAIn itself costs", (parts.own, parts.stored), columns=2),
    ],
)
