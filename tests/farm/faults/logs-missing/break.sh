away "$LOG"
