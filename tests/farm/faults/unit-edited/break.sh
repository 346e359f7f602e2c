keep "/etc/systemd/system/$UNIT-hub.service"
echo "# a change" >>"/etc/systemd/system/$UNIT-hub.service"
