cp -a /run/sitekit/demo "$KEPT/copy"
mount -t tmpfs -o size=128k none /run/sitekit/demo
cp -a "$KEPT/copy/." /run/sitekit/demo/
dd if=/dev/zero of=/run/sitekit/demo/core 2>/dev/null || true
