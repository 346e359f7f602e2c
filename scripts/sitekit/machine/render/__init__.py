"""Site -> the files, accounts and services of the machine. Pure."""
