/usr/bin/python3 -I -c "import sqlite3; sqlite3.connect('$STATE/ledger.sqlite').execute('PRAGMA user_version = 99')"
