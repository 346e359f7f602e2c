"""Check requests that other websites cause, and requests to other ports of the node."""
