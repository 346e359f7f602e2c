"""Replace functions of Jupyter Server and its extensions.

The docstring of each module gives the reason and the upstream source or issue.
"""
