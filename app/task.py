"""One task: how it stands, what it used beside its earlier runs, what it put out, and its life."""

from vain.views.address import number
from vain.views.page import Section, open_live, show
from vain.views.task_page import TaskPage

live = open_live()
task_id = number("id")
page = TaskPage(live, task_id)

show(
    live,
    "/task",
    "Task" if task_id is None else f"Task {task_id}",
    [
        Section("", (page.head,)),
        Section("Resources beside earlier runs", page.charts.figures, tools=(page.charts.control,), columns=2),
        Section("Output", (page.log,), "two-thirds"),
        Section("Life", (page.life,), "third"),
    ],
)
