"""One conda prefix per release, built beside the others, verified, then pointed to by `current`."""
