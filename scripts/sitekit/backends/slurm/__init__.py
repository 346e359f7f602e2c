"""Servers as jobs of Slurm: queries of the queue, and requests to the gate, the one program that
acts as a user."""
