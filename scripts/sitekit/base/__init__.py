"""Provide what all parts of the kit use: programs, files, errors, progress, templates."""
