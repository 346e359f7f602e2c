modes 777 /home/alice
