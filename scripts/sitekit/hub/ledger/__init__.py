"""Read and write the ledger: the hub's SQLite file with all starts of servers. The file also
contains drains, announcements, logins and saved choices."""
