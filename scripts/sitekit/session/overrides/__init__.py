"""Replacements of what Jupyter Server and its extensions do. Each says why, with its upstream
thread."""
