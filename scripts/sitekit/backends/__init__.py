"""Define what the hub asks of a backend (interface.py), and implement the backends.

A backend, such as Slurm, runs users' servers. Each folder here is one.
"""
