"""Report how much users have used each tier, from the accounting and the ledger (`make report`)."""
