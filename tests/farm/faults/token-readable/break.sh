modes 644 "$ETC/proxy.env"
