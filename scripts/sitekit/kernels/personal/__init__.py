"""Implement the command `sitekit-kernel`, with which users make their own kernels."""
