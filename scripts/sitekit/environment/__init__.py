"""From environment.yml to a release in use."""
