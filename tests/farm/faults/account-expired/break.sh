accounts
chage --expiredate 1 alice
