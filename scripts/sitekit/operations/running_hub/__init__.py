"""Commands that write to the ledger (the hub's own database) to change a running hub:
announcements, drains of nodes, and stops of servers."""
