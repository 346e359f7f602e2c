"""Build the hub's environment, from environment.yml to a release in use."""
