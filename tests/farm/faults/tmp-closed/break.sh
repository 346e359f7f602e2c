modes 755 /tmp
