modes 600 /dev/null
