mount -t tmpfs -o size=1m,mode=700 none "$KEPT/files"
umount "$KEPT/files"
mkdir "$KEPT/copy"
cp -a "$STATE/." "$KEPT/copy/"
mount -t tmpfs -o size=2m,mode=700,uid="$(id -u jupyterhub-daemon)" none "$STATE"
cp -a "$KEPT/copy/." "$STATE/"
dd if=/dev/zero of="$STATE/filler" bs=64k 2>/dev/null || true
chown jupyterhub-daemon "$STATE/filler"
chmod 600 "$STATE/filler"
