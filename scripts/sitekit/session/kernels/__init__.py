"""Offer the kernels of the site and of the user, and connect to them."""
