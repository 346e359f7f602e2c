"""Parse what Lmod prints, and store which modules the user has loaded."""
