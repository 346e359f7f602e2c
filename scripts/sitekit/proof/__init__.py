"""A candidate is started for real, until it is known to be a kernel that works."""
