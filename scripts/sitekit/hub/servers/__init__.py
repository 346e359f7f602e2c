"""What the hub knows of every server, from before its job exists until after it has ended."""
