"""Replace classes and functions of JupyterHub.

Each file gives the reason, with the place in upstream's code, or the issue.
"""
