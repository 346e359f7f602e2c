"""Make Jupyter kernels from the cluster's modules, and publish those that a test has started."""
