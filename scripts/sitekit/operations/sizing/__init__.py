"""Estimate how many participants of a course can work on this machine at the same time."""
