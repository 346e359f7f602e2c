touch "$LOG"
