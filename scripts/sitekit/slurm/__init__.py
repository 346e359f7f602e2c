"""Everything that is said to Slurm: the queue snapshot, the gate (submit, cancel), reasons in plain words."""
