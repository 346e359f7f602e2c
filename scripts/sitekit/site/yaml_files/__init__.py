"""Read a YAML file, and report errors with the line and the key."""
