"""The task board, over the whole width."""

from vain.views.board import Board
from vain.views.page import Section, open_live, show

live = open_live()

show(live, "/board", "Board", [Section("Tasks", (Board(live, linked=True),))])
