keep /etc/hosts
sed '/^127[.]0[.]0[.]1/d' "$KEPT/files/etc/hosts" >/etc/hosts
