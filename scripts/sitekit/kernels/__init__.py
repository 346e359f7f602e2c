"""Turn the cluster's modules into Jupyter kernels, and test each kernel before users see it."""
