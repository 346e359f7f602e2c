"""From the cluster's modules to Jupyter kernels that were started before anybody sees them."""
