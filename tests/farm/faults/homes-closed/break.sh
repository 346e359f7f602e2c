modes 700 /home
