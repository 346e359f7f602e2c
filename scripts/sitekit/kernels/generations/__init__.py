"""Write kernels in generations; a link publishes one generation."""
