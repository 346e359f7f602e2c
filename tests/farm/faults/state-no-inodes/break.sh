mkdir "$KEPT/copy"
cp -a "$STATE/." "$KEPT/copy/"
mount -t tmpfs -o size=64m,nr_inodes=64,mode=700,uid="$(id -u jupyterhub-daemon)" none "$STATE"
cp -a "$KEPT/copy/." "$STATE/"
mkdir "$STATE/leftovers"
for number in $(seq 100); do : >"$STATE/leftovers/$number" || break; done 2>/dev/null
