"""Report what users have used of each tier, from the accounting and the ledger (`make report`)."""
