"""Changing the environment of a site that people work in."""
