"""Report how much users have used each tier (`make report`). The data comes from Slurm's accounting
and from the ledger (the hub's record of starts)."""
