"""Make Jupyter kernels from the cluster's modules. Test each kernel before users see it."""
