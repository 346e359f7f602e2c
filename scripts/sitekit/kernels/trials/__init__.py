"""Test kernels in two steps. The first step loads the modules and runs the interpreter. The second
step starts each kernel, and compares the kernel with the result of the first step."""
