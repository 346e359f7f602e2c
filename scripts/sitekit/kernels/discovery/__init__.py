"""Find the modules, environments and container images that may become kernels."""
