"""Replacements of upstream classes and functions. Each says why, with its upstream thread."""
