modes 777 /tmp
