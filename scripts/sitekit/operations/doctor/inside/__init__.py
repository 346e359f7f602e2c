"""The programs of `make doctor` that run as another account or on a compute node. Each program is
passed to Python as text."""
