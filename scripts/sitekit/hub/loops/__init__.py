"""What the hub does again and again, from its start to its end."""
