away "$ETC/proxy.env"
