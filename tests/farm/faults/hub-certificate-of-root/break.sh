owner root "$ETC/internal/hub.pem"
