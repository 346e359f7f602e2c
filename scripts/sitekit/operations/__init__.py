"""Look after a running site: upgrades, rollbacks, security advisories."""
