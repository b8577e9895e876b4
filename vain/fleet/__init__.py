"""Other machines, whose agents report to this server: each has a history of its own, beside the server's."""
