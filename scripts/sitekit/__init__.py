"""Turn an existing Slurm cluster into a JupyterHub by one site file, and record each change."""

__version__ = "0.1.0"
