systemctl stop "$UNIT-backup.timer"
