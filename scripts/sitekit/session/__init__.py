"""Run inside a user's server: start it, and limit what its pages can reach.

Only the standard library and Jupyter's own packages are imported.
"""
