"""What breaks while people work: the hub, Slurm, munge, nodes, homes, the proxy. Nothing is lost,
all is explained."""
