"""Look after a running site: upgrades, rollbacks, checks, reports and drills."""
