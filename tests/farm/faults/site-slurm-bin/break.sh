edit slurm.bin /opt/nothing
