"""A release as one file, for a site without a network."""
