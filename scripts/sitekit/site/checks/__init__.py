"""Refuse sites whose sections do not fit together."""
