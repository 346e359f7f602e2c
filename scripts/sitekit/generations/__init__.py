"""Kernels as they are kept: in generations, of which one is offered."""
