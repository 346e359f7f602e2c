"""Run servers as transient systemd units on the hub's own host."""
