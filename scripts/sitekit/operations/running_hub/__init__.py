"""Commands that change a running hub by writing records into its ledger: announcements, drains,
stops of servers."""
