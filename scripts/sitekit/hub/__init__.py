"""What runs inside JupyterHub: tiers, options, server, ledger, callback, cards, pages."""
