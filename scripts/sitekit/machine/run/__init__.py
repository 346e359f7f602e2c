"""`sudo make start`, `stop` and `status`, and the database that the hub starts with."""
