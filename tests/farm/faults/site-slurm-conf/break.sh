edit slurm.conf /etc/nothing/slurm.conf
