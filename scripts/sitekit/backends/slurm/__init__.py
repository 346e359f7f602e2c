"""Run servers as jobs of Slurm.

Slurm's queue is queried as the hub's user. Requests on behalf of a user go to the gate, the only
program that runs as this user.
"""
