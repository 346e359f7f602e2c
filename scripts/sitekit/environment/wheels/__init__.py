"""Build a channel of conda packages from the wheels of environment.yml."""
