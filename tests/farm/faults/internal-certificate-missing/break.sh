away "$ETC/internal/proxy.pem"
