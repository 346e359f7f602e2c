mount -t tmpfs -o size=64k,mode=700,uid="$(id -u alice)" none /home/alice
