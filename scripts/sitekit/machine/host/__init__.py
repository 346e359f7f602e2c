"""Describe the machine on which sitekit runs: its distribution, file tree, processes, and the lock
against two runs at once."""
