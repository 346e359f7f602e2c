"""Compute the files, accounts and services of a site from site.yml.

Most functions in this folder neither read nor change the machine. The exceptions are in
machine_secrets.py and certificate_authorities.py, which generate secrets.
"""
