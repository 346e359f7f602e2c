"""Programs of `make doctor` that run as another account or on a compute node, as plain text."""
