"""Write the kernels of each run of `make kernels` into a new folder, which is called a generation.
A symbolic link points to the generation that users see."""
