"""Describe the state of the site's servers: for the metrics, the status page and `make status`."""
