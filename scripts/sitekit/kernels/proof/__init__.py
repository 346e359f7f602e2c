"""Probe candidates in isolation, and start kernels to test them."""
