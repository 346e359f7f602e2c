away /home/alice
