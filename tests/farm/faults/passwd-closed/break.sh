modes 600 /etc/passwd
