"""``vain agent``: looks at the machine that it runs on, and reports to a server. No Panel, no pandas, no numpy."""
