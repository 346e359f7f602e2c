"""The host as every part of the kit meets it: which distribution, whose file tree, one change at a
time."""
