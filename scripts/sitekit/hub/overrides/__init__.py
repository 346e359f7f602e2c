"""Replace classes and functions of JupyterHub.

Each file in this folder gives the reason for its replacement, with the place in JupyterHub's code
or the issue.
"""
