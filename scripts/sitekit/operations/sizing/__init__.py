"""Estimate how many participants fit this machine."""
