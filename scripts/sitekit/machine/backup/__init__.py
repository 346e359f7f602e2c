"""`sudo make backup` and `restore`."""
