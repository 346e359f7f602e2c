"""Find out the remaining time, memory, GPUs and free space of this server, for JupyterLab's pages."""
