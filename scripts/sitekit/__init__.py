"""Turn an existing Slurm cluster into a JupyterHub, as one file (config/site.yml) describes it.
Each change on the machine is recorded."""

__version__ = "0.1.0"
