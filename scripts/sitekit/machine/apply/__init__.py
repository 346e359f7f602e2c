"""Implement `make diff` (show the changes of the machine) and `sudo make apply` (make the
changes)."""
