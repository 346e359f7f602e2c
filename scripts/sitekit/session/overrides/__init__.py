"""Replace functions of Jupyter Server and its extensions.

Each file in this folder explains why it replaces a function. The file names the place in the
replaced code, or the issue of the replaced project.
"""
