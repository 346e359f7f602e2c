modes 555 /home/alice
