"""``vain run``: a command as a task, with everything about the command as it would be without.

A process in between can be noticed in many ways: a terminal that is none any more, output that comes late, a signal
that comes twice, an exit code that is another. Each file here keeps one of these from being noticed.
"""
