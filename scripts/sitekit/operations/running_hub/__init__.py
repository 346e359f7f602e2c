"""Announce, drain and stop on a running hub, by records in its ledger."""
