"""Test kernels in two steps: load the modules and run the interpreter (the probe), then start each
kernel and compare it with the probe."""
