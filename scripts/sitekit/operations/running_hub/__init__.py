"""Change a running hub by entries in the ledger (the hub's record of starts). The commands make
announcements, drain nodes, and stop servers."""
