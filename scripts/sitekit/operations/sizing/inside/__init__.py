"""Programs that the release's Python runs."""
