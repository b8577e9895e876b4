"""Reports from a job: what its process does becomes tasks on the board.

The standard library is enough. Nothing here raises into the job, nothing makes it wait, and a server that is away costs
it nothing: what was said lies in a spool until somebody can send it.
"""

from vain.report.reporter import begin, flush
from vain.report.run import Run, entered

__all__ = ["Run", "begin", "entered", "flush"]
