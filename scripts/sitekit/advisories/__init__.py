"""The packages that are installed, held against what is known of their weaknesses."""
