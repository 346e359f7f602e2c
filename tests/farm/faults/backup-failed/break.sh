fresh "/run/systemd/system/$UNIT-backup.service.d"
mkdir -p "/run/systemd/system/$UNIT-backup.service.d"
printf "[Service]\nExecStart=\nExecStart=/bin/false\n" >"/run/systemd/system/$UNIT-backup.service.d/no.conf"
systemctl daemon-reload
! systemctl start "$UNIT-backup.service"
