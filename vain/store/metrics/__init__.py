"""The metric history on disk: one row for each sample now, compressed columns and roll-ups for years."""
