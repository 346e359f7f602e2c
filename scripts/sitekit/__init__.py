"""sitekit turns an existing HPC cluster into a JupyterHub: one site file in, every effect recorded
and undoable."""

__version__ = "0.1.0"
