away "/etc/sudoers.d/$UNIT"
mkdir -p "$KEPT/aside"
mv "/etc/sudoers.d/$UNIT.away" "$KEPT/aside/"
