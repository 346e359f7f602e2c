"""A whole Slurm cluster on one machine, where people can log in."""
