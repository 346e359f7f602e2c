"""JupyterHub itself: its configuration, with what is narrower or added in its own parts."""
