cat "$KEPT/files/etc/hosts" >/etc/hosts
rm "$KEPT/files/etc/hosts"
