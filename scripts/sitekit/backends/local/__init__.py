"""Run servers on the hub's own host, through a root-owned program: what docker and systemd share."""
