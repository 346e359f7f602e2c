folder="/etc/systemd/system/$UNIT-hub.service.d"
[ -d "$folder" ] || { mkdir "$folder"; fresh "$folder"; }
fresh "$folder/hardened.conf"
printf '[Service]\nNoNewPrivileges=yes\n' >"$folder/hardened.conf"
systemctl daemon-reload
systemctl restart "$UNIT-hub"
for _ in $(seq 60); do curl -ks -o /dev/null "https://localhost:8443/hub/login" && break; sleep 1; done
