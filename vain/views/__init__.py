"""What is seen: Panel viewers over a ``Live``, for the pages in ``app/`` and for notebooks alike."""
