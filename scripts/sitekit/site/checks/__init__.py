"""Refuse a site file in which settings of different sections contradict each other."""
