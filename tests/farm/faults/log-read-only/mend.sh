umount "$LOG"
