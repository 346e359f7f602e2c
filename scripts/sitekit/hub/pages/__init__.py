"""Show the hub's own pages: entry to a user's server, stopped and unreachable servers."""
