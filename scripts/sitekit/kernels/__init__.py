"""Turn the cluster's modules into Jupyter kernels, and test each before users see it."""
