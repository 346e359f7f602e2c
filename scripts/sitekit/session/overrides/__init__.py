"""Replace functions of Jupyter Server and its extensions.

Each module gives its reason and the upstream issue.
"""
