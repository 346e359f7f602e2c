"""Whether a machine will take what its site asks for, found out before anything changes."""
