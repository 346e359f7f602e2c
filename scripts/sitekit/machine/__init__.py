"""The machine: what a Site means in files, accounts and services; put there, run, and taken away again."""
