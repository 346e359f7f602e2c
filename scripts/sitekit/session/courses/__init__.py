"""Copy a course's material or a linked repository into the user's home."""
