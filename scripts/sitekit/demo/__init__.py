"""Run a one-machine cluster with its hub (`make demo`), for a first look and for the tests."""
