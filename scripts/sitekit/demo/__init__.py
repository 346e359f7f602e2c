"""A whole cluster on one machine: Slurm, modules and people, for `make demo` and for the tests."""
