"""Programs that sitekit runs with the Python inside a container image."""
