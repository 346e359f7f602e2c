"""Configure JupyterHub, and implement the parts that run inside it.

Some parts are sitekit's own, others replace classes of JupyterHub's, batchspawner's or
wrapspawner's.
"""
