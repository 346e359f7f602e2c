"""Programs that the Python of an image runs."""
