"""Test kernels in two steps. The first step loads the modules and runs the interpreter. The second
step starts each kernel and compares it with the result of the first step."""
