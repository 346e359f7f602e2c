fresh /etc/nologin
touch /etc/nologin
