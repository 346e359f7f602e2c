umount "$STATE"
