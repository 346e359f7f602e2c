"""What runs users' servers. interface.py says what the hub asks of a backend; each folder is one."""
