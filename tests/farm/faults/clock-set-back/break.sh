touch -d "2 hours" "$LOG"
