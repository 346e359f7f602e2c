"""Record which files and accounts sitekit has created on the machine, and read the present state of
these files and accounts.
"""
