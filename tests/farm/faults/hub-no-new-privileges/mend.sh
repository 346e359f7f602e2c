rm "/etc/systemd/system/$UNIT-hub.service.d/hardened.conf"
systemctl daemon-reload
systemctl stop "$UNIT-hub"
printf 'hub\n' >>"$KEPT/stopped"
