"""Describe the host: its distribution, file tree, processes and lock."""
