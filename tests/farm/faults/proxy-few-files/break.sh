prlimit --nofile=200:200 --pid "$(systemctl show --value --property=MainPID "$UNIT-proxy")"
