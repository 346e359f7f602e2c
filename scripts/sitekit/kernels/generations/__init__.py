"""Published kernels, in generations of which one is in use."""
