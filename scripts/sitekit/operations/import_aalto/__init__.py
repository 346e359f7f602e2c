"""Convert an older JupyterHub configuration (with ProfilesSpawner, batchspawner and envkernel) to
sitekit's files. The older configuration is not run."""
