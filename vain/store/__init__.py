"""What outlives the process: tasks, their log, notifications, API keys. The only place that speaks SQL."""
