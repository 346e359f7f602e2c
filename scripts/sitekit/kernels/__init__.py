"""Make Jupyter kernels from the cluster's modules, and test each kernel before users see the
kernel."""
