"""Build the hub's conda environment from environment.yml, and install it as a release."""
