keep "$ETC/apache.conf"
sed -i "s/ upgrade=websocket//; s/upgrade=websocket//" "$ETC/apache.conf"
systemctl restart "$UNIT-front"
printf "front\n" >>"$KEPT/stopped"
