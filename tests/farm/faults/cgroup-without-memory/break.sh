file="$(dirname "$SLURM_CONF")/cgroup.conf"
keep "$file"
sed -i 's/^ConstrainRAMSpace=.*/ConstrainRAMSpace=no/' "$file"
reconfigure
: >"$KEPT/reconfigure"
