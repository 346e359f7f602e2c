"""What a Site means on a machine, in files, accounts and services."""
