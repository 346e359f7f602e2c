"""Render the files of the hub's machine, show the changes, check, write and remove them."""
