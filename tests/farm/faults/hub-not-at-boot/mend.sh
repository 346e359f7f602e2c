systemctl --quiet enable "$UNIT-hub"
