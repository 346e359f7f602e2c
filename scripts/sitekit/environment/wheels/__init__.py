"""A channel of conda packages, made on the spot from the wheels of environment.yml."""
