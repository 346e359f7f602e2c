"""Define small files that one part of the kit writes and another reads.

Also define names that several parts must use alike.
"""
