"""Small files that one part of the kit writes and another reads, and the names that both know."""
