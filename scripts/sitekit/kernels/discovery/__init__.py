"""Find the modules, environments and images that may become kernels."""
