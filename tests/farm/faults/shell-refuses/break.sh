accounts
usermod --shell /usr/sbin/nologin alice
