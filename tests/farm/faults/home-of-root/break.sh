owner root /home/alice
