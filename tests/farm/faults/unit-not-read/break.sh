sleep 1
touch "/etc/systemd/system/$UNIT-proxy.service"
