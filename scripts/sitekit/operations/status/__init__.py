"""Show the state of a site: `make status` prints everything once, and `make top` shows the servers
again and again."""
