"""Measurements against the running demo, printed as tables and kept as JSON: `make bench`."""
