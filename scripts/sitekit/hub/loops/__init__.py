"""Run repeated tasks from the start of the hub to its end."""
