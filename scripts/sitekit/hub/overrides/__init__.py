"""Replace classes and functions of JupyterHub.

Each file in this folder contains the reason for the replacement, and names the place in
JupyterHub's code or the issue.
"""
