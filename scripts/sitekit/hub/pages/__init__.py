"""Pages of the hub's own: entering somebody's server, a server that has stopped or cannot be
reached."""
