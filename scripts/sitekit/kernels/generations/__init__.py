"""Write kernels in generations, of which one is published by a link."""
