"""Whether the machine and the cluster will take what the site asks for, found out before anything
changes."""
