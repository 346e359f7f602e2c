"""Describe the host: its distribution, its file tree, its processes, its lock."""
