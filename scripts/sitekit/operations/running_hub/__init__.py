"""Make announcements, drain nodes, and stop servers, without a restart of the hub. The commands
write into the ledger (the hub's record of starts), which the running hub reads."""
