"""Candidates probed in isolation, and kernels started for real."""
