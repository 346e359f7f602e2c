mount --bind "$LOG" "$LOG"
mount -o remount,bind,ro "$LOG"
