"""What runs inside JupyterHub: its configuration, and the parts that sitekit adds to it or makes
narrower."""
