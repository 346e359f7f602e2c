modes 755 "$BACKUPS"
