modes 600 /etc/shadow
