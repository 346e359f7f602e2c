umount "$PREFIX"
