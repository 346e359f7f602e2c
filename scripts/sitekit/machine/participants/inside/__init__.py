"""Programs that the release's Python runs as the hub's account."""
