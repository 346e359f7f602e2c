"""Set up a Slurm cluster on one machine, with users who can log in."""
