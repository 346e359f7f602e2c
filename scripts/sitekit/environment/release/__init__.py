"""Build releases of the hub environment: install, verify, make current, remove.

Each release has its own conda prefix beside the other releases. The link `current` points to the
release in use.
"""
