"""Build the hub's conda environment from environment.yml, and install the environment as a
release."""
