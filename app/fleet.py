"""All hosts: what each does now, worst first, and one metric of all of them over time."""

from vain.views.fleet import FleetTable
from vain.views.fleet_heat import FleetHeat
from vain.views.page import Section, open_live, show

live = open_live()

show(
    live,
    "/fleet",
    "Hosts",
    [
        Section("", (FleetHeat(live),)),
        Section("", (FleetTable(live),)),
    ],
)
