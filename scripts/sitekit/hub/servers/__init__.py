"""Record each server: its choice, job, port and end, and whether it uses TLS."""
