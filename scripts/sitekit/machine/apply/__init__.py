"""Plan and execute `make diff` and `sudo make apply`."""
