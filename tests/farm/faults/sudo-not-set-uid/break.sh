modes 755 /usr/bin/sudo
