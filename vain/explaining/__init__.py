"""What did that? Which tasks and processes used what the machine used in a window, and what changed. Pure rules.

What is asked and answered is here; what works it out needs numpy, and is imported by whoever does:
``explained.explanation``.
"""

from vain.explaining.answer import (
    Changed,
    Explanation,
    ProcessShare,
    Stretch,
    TaskShare,
    Unattributed,
)
from vain.explaining.question import GROWTH, METRICS, Explaining, ExplainMetric, checked, kind_of

__all__ = [
    "GROWTH",
    "METRICS",
    "Changed",
    "ExplainMetric",
    "Explaining",
    "Explanation",
    "ProcessShare",
    "Stretch",
    "TaskShare",
    "Unattributed",
    "checked",
    "kind_of",
]
