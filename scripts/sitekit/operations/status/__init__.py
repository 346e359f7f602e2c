"""Show the state of a site at a glance: `make status` and `make top`."""
