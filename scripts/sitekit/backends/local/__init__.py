"""Contain the code that the backends docker and systemd have in common. Both backends run servers on
the hub's own host, through the local gate."""
