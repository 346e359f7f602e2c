accounts
usermod --lock alice
