accounts
usermod --password '*' bob
