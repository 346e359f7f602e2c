modes 600 "$SLURM_CONF"
