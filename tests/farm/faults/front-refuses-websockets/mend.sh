systemctl stop "$UNIT-front"
