"""Where a class or function of JupyterHub's, the proxy's or wrapspawner's is replaced. Each says why, with its upstream thread."""
