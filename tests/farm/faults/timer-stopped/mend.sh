systemctl start "$UNIT-backup.timer"
