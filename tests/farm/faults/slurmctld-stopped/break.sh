stop slurmctld
