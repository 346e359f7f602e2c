"""Turn an existing Slurm cluster into a JupyterHub: one site file in, every change recorded."""

__version__ = "0.1.0"
