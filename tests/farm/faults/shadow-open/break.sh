modes 644 /etc/shadow
