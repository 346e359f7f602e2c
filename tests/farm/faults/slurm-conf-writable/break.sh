modes o+w "$SLURM_CONF"
