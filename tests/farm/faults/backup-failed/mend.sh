systemctl reset-failed "$UNIT-backup.service"
