"""Read the module tree and kernels.yml, and list the candidates for kernels."""
