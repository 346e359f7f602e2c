"""Run a complete Slurm cluster on one machine, with users who can log in."""
