"""The ways back: what was made is taken away, put back from a backup, or made anew."""
