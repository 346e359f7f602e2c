"""From the cluster's modules to the kernels that JupyterLab offers, none of which anyone sees before it has run."""
