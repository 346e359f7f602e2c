"""Configure JupyterHub, and implement the parts that run inside it.

Some parts replace classes of JupyterHub, batchspawner or wrapspawner.
"""
