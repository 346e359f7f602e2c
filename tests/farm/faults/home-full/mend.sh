umount /home/alice
