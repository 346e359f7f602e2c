"""What of the cluster may become a kernel, as its module tree shows it, by the rules of
kernels.yml."""
