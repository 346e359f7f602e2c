mv "$KEPT/aside/$UNIT.away" /etc/sudoers.d/
