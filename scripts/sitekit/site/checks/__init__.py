"""Refuse sites whose sections contradict each other."""
