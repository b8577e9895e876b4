"""How the work flows: every figure and chart of ``GET /visualizations``, from attempts and metrics. Pure."""
