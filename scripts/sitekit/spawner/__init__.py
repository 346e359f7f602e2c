"""A server is a job of Slurm's: started, watched until its end, and taken over by the hub that comes next."""
