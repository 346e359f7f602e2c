"""Contain the programs that other interpreters run to inspect or start a kernel."""
