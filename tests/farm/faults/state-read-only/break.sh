mount --bind "$STATE" "$STATE"
mount -o remount,bind,ro "$STATE"
