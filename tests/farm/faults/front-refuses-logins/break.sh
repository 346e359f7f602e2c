keep "$ETC/apache.conf"
sed -i "s|</VirtualHost>|<Location /hub/login>\nRequire all denied\n</Location>\n</VirtualHost>|" "$ETC/apache.conf"
systemctl restart "$UNIT-front"
printf "front\n" >>"$KEPT/stopped"
