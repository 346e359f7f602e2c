"""Manage releases of the hub environment: install a release, verify it, make it current, and remove
it.

Each release has its own conda prefix beside the other releases. The link `current` points to the
release in use.
"""
