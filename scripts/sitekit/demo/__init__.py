"""Install and run the demo (`make demo`): a Slurm cluster and a JupyterHub on one machine."""
