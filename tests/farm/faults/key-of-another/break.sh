keep "$ETC/tls"
"$RELEASE_PYTHON" -I "$TOOLS/certificate.py" "$KEPT/unused" "$ETC/tls/key.pem" localhost 300
