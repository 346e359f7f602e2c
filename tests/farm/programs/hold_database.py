"""Hold a write lock on a SQLite database until the process is ended: hold_database.py FILE."""

import signal
import sqlite3
import sys

connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
connection.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
signal.pause()
