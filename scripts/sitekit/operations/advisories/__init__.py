"""The installed packages, held against what is known of their weaknesses."""
