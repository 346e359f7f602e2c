"""Configure JupyterHub, and implement the parts of sitekit that run inside JupyterHub.

Some parts replace classes of JupyterHub, batchspawner or wrapspawner.
"""
