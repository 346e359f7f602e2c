"""The web server in front of the hub, from its configuration to its certificate."""
