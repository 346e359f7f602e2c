"""Replace functions of Jupyter Server and its extensions.

Each file in this folder gives the reason for its replacement, with the place in the replaced code
or the issue.
"""
