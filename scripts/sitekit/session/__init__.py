"""Run a user's Jupyter server.

Only the standard library and Jupyter's packages are imported here.
"""
