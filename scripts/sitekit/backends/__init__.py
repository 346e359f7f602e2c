"""Define the interface of backends (interface.py), and implement the backends.

A backend, such as Slurm, runs users' servers. Each subfolder implements one backend.
"""
