"""Write, publish and remove generations of kernels. One generation is in use at a time."""
