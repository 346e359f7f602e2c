"""Find the modules, environments and container images that can become kernels."""
