"""Define the names and files that one part of the kit writes and another part reads."""
