"""Convert an older JupyterHub configuration (ProfilesSpawner, batchspawner, envkernel) to sitekit's
files, without running it."""
