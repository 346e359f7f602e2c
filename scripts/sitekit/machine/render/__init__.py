"""Compute the files, accounts and services of a site from the site file.

All modules in this folder are pure, except the two that generate secrets.
"""
