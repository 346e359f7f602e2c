"""Check requests from other websites and to other ports of the node."""
