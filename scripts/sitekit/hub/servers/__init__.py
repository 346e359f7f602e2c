"""Record each start of a server: the chosen resources, the job, the port, the end, and whether the
server uses TLS."""
