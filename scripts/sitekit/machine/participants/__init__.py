"""Create and remove the accounts of a workshop's participants, and print slips with passwords."""
