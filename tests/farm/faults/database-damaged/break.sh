stop hub
keep "$STATE/jupyterhub.sqlite"
dd if=/dev/urandom of="$STATE/jupyterhub.sqlite" bs=512 count=40 conv=notrunc 2>/dev/null
