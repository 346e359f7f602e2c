"""Probe candidates in isolation, then start the kernels and compare them with the probe."""
