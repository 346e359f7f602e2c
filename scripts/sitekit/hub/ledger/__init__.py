"""The ledger: the hub's SQLite file with each start of a server, and what is recorded beside the starts."""
