"""Run servers as containers of Docker on the hub's own host."""
