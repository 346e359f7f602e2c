modes 644 "$ETC/tls/key.pem"
