"""`make demo`: the one-machine cluster with its hub, for a first look and for the tests."""
