umount /run/sitekit/demo
