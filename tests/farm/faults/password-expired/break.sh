accounts
chage --lastday 0 alice
