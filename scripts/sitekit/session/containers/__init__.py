"""Run the user's server inside a container image."""
