"""Start a user's server inside its job, and limit the access of the server's pages.

The modules in this folder import only the standard library and Jupyter's own packages.
"""
