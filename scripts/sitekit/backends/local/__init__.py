"""Run servers on the hub's own host, through a root-owned program: the code that the backends
docker and systemd have in common."""
