"""Read and check what a user chooses in the form for the start of a server."""
