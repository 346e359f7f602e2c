systemctl stop "$UNIT-proxy"
printf 'proxy\n' >>"$KEPT/stopped"
