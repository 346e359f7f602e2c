"""Build a local conda channel from the PyPI wheels of the packages in environment.yml."""
