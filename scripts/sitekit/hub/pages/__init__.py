"""Show the hub's own pages, for example about the entry to a user's server, and about stopped and
unreachable servers."""
