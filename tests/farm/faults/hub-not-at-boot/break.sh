systemctl --quiet disable "$UNIT-hub"
