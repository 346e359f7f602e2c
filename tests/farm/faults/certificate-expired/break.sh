cert=$(echo "$ETC"/tls/*.pem | tr " " "\n" | head -n 1)
keep "$ETC/tls"
"$RELEASE_PYTHON" -I "$TOOLS/certificate.py" "$ETC/tls/cert.pem" "$ETC/tls/key.pem" localhost -3
