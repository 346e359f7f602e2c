"""Compute the files, accounts and services of a site from site.yml.

Most functions in this folder neither read nor change the machine. Only machine_secrets.py and
certificate_authorities.py, which generate secrets, do.
"""
