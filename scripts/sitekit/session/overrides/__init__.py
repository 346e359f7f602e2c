"""Replace functions of Jupyter Server and its extensions.

Each file gives the reason, with the place in upstream's code, or the issue.
"""
