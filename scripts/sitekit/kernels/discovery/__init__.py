"""Find what may become a kernel: by kernels.yml, and in the cluster's module tree."""
